// What a test starts: a database of its own, a sandbox WeChat with its playground, and wxauth.
//
// scripts/browser names the database and the programs in variables.

import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const databaseUrl = needed('WXAUTH_TEST_DATABASE_URL');
const clientFile = needed('WXAUTH_TEST_DATABASE_CLIENT_FILE');
const programs = needed('WXAUTH_TEST_PROGRAMS');

// The sandbox's own defaults; made up, like everything in it.
const appid = 'wx5a6b7c8d9e0f1a2b';
const secret = '5an8b0x5ecre7000000000000000000f';

/** For what must come; never reached where the programs work. */
const patienceMs = 60_000;

export class World {
  #database = `playground_${randomBytes(6).toString('hex')}`;
  #directory = mkdtempSync(join(tmpdir(), 'wxauth-playground-'));
  #sandbox = null;
  #wxauth = null;
  #graceMs;
  /** The sandbox's, which it keeps when it is started anew. */
  address = null;

  /** `graceMs` is how long wxauth waits for a late login: long, so that a slow machine fails nobody. */
  static async start({ withWxauth = true, graceMs = 3000 } = {}) {
    const world = new World();
    world.#graceMs = graceMs;
    await world.startSandbox({ withWxauth });
    if (withWxauth) {
      world.query(`CREATE DATABASE ${world.#database}`);
      await world.startWxauth();
    }
    return world;
  }

  async startSandbox({ withWxauth = true } = {}) {
    const bind = this.address?.replace('http://', '') ?? '127.0.0.1:0';
    const database = ['--database-client-file', clientFile, '--database', this.#database];
    const besides = withWxauth ? ['--wxauth-log', this.#log('wxauth'), ...database] : [];
    this.#sandbox = this.#spawn('sandbox', 'wxauth-sandbox', ['--bind', bind, ...besides], {});
    this.address = await this.#listening('sandbox', this.#sandbox);
  }

  async startWxauth() {
    this.#wxauth = this.#spawn('wxauth', 'wxauth', ['serve', '--migrate'], {
      DATABASE_URL: `${databaseUrl}/${this.#database}`,
      WX_APPID: appid,
      WX_SECRET: secret,
      WX_API_BASE: this.address,
      BIND: '127.0.0.1:0',
      WORKERS: '2',
      LOGIN_GRACE_MS: String(this.#graceMs),
    });
    await this.#listening('wxauth', this.#wxauth);
  }

  async stopSandbox() {
    await end(this.#sandbox);
  }

  async stopWxauth() {
    await end(this.#wxauth);
  }

  async stop() {
    await Promise.all([end(this.#wxauth), end(this.#sandbox)]);
    this.query(`DROP DATABASE IF EXISTS ${this.#database}`);
    rmSync(this.#directory, { recursive: true });
  }

  query(statement) {
    execFileSync('mariadb', [`--defaults-file=${clientFile}`, '--execute', statement]);
  }

  #log(name) {
    return join(this.#directory, `${name}.log`);
  }

  #spawn(name, program, options, variables) {
    const log = openSync(this.#log(name), 'w');
    // Away from a developer's .env and variables.
    return spawn(join(programs, program), options, {
      cwd: this.#directory,
      env: { PATH: process.env.PATH, ...variables },
      stdio: ['ignore', log, log],
    });
  }

  async #listening(name, child) {
    const address = await until(() => {
      const log = readFileSync(this.#log(name), 'utf8');
      if (child.exitCode !== null) {
        throw new Error(`${name} ended:\n${log}`);
      }
      return log.match(/listening on (http:\/\/\S+)/)?.[1];
    });
    return address;
  }
}

/** The first value that says something. */
export async function until(look) {
  const end = Date.now() + patienceMs;
  for (;;) {
    const seen = await look();
    if (seen) {
      return seen;
    }
    if (Date.now() > end) {
      throw new Error(`it did not come within ${patienceMs} ms: ${look}`);
    }
    await delay(50);
  }
}

async function end(child) {
  if (child === null || child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

function needed(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: run scripts/browser, which starts the database`);
  }
  return value;
}
