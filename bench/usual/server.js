// The usual server of 2019 for this job, as good as it gets without another design: a pool of 16
// connections and prepared statements, connections to WeChat that are kept, a process for each core.
//
// It keeps the newest session_key of a user, and nothing else of it. It takes the same variables as
// wxauth, as far as it needs them, and creates its table.

import cluster from 'node:cluster';
import crypto from 'node:crypto';
import http from 'node:http';
import os from 'node:os';
import axios from 'axios';
import express from 'express';
import mysql from 'mysql2/promise';

const TABLE = `CREATE TABLE IF NOT EXISTS usual_users (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  openid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE,
  session_key VARCHAR(32) NOT NULL,
  phone_number VARCHAR(32) NULL
)`;
const LOG_IN = `INSERT INTO usual_users (openid, session_key) VALUES (?, ?)
  ON DUPLICATE KEY UPDATE session_key = VALUES(session_key)`;
const FIND = 'SELECT id, session_key, phone_number FROM usual_users WHERE openid = ?';
const STORE_PHONE = 'UPDATE usual_users SET phone_number = ? WHERE id = ?';

const { DATABASE_URL, WX_APPID, WX_SECRET, WX_API_BASE } = process.env;

if (cluster.isPrimary) {
  start();
} else {
  serve();
}

async function start() {
  const connection = await mysql.createConnection(DATABASE_URL);
  await connection.query(TABLE);
  await connection.end();
  const workers = os.availableParallelism();
  let listening = 0;
  cluster.on('listening', (_worker, { port }) => {
    listening += 1;
    if (listening === workers) {
      console.error(`listening on http://127.0.0.1:${port}`);
    }
  });
  for (let number = 0; number < workers; number += 1) {
    cluster.fork();
  }
}

function serve() {
  const pool = mysql.createPool({ uri: DATABASE_URL, connectionLimit: 16 });
  const wechat = axios.create({
    baseURL: WX_API_BASE,
    httpAgent: new http.Agent({ keepAlive: true }),
  });
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(express.json());

  app.post('/code2Session', async (request, response) => {
    try {
      response.json({ openid: await logIn(pool, wechat, request.body.jsCode) });
    } catch {
      response.status(400).json({ code: -1, msg: '登录失败' });
    }
  });
  app.post('/getWXUserPhone', async (request, response) => {
    try {
      response.json(await openPhone(pool, request.body));
    } catch {
      response.status(400).json({ code: -1, msg: '解密失败' });
    }
  });
  app.post('/user', async (request, response) => {
    try {
      const openid = await logIn(pool, wechat, request.body.code);
      response.json(await openPhone(pool, { ...request.body, openid }));
    } catch {
      response.status(400).json({ code: -1, msg: '登录失败' });
    }
  });
  app.listen(0, '127.0.0.1');
}

async function logIn(pool, wechat, code) {
  const params = {
    appid: WX_APPID,
    secret: WX_SECRET,
    js_code: code,
    grant_type: 'authorization_code',
  };
  const { data } = await wechat.get('/sns/jscode2session', { params });
  if (!data.session_key) {
    throw new Error('WeChat refuses the code');
  }
  await pool.execute(LOG_IN, [data.openid, data.session_key]);
  return data.openid;
}

async function openPhone(pool, { openid, encryptedData, iv }) {
  const [[user]] = await pool.execute(FIND, [openid]);
  const phone = decrypt(user.session_key, encryptedData, iv);
  if (phone.watermark.appid !== WX_APPID) {
    throw new Error('the data is of another app');
  }
  if (phone.phoneNumber !== user.phone_number) {
    await pool.execute(STORE_PHONE, [phone.phoneNumber, user.id]);
  }
  const { phoneNumber, purePhoneNumber, countryCode } = phone;
  return { userId: user.id, openid, phoneNumber, purePhoneNumber, countryCode };
}

function decrypt(sessionKey, encryptedData, iv) {
  const key = Buffer.from(sessionKey, 'base64');
  const decipher = crypto.createDecipheriv('aes-128-cbc', key, Buffer.from(iv, 'base64'));
  const parts = [decipher.update(encryptedData, 'base64', 'utf8'), decipher.final('utf8')];
  return JSON.parse(parts.join(''));
}
