// Plays both pages, as they are, against a server and the sandbox WeChat: what WeChat's runtime gives
// a page (App, Page, wx) stands here, with the sandbox as the user's phone.
// Usage: node run.js SERVER SANDBOX [DIRECTORY]; prints what the pages have stored, as JSON. The
// mini-program is the one in this directory, unless another is named.
const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')

const [server, sandbox, directory = __dirname] = process.argv.slice(2)
const user = 'alice'

async function post(url, data) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(data),
  })
  return { statusCode: answer.status, data: await answer.json() }
}

// Resolves once every call that a page has begun is over, those that their callbacks begin too.
const calls = new Set()
function call(promise) {
  calls.add(promise)
  promise.finally(() => calls.delete(promise))
}
async function idle() {
  while (calls.size > 0) await Promise.all(calls)
}

const storage = {}
const wx = {
  login: ({ success }) => call(post(`${sandbox}/sandbox/login`, { user }).then((res) => success(res.data))),
  // As WeChat does, it calls success for any status.
  request: ({ url, data, success }) => call(post(url, data).then(success)),
  setStorageSync: (key, value) => { storage[key] = value },
  getStorageSync: (key) => storage[key] ?? '',
  navigateTo() {},
}

let app
function load(name) {
  let page
  const file = path.join(directory, name)
  vm.runInNewContext(fs.readFileSync(file, 'utf8'), {
    wx,
    App: (options) => { app = options },
    getApp: () => app,
    Page: (options) => { page = options },
  }, { filename: file })
  if (page) {
    page.data ??= {}
    page.setData = function setData(data) { Object.assign(this.data, data) }
  }
  return page
}

async function main() {
  load('app.js')
  app.globalData.server = server
  const { pages } = JSON.parse(fs.readFileSync(path.join(directory, 'app.json'), 'utf8'))
  const [login, phone] = pages.map((name) => load(`${name}.js`))
  login.onShow()
  await idle()
  const { data: detail } = await post(`${sandbox}/sandbox/phone`, { user })
  phone.getPhone({ detail })
  await idle()
  console.log(JSON.stringify({ ...storage, shown: phone.data.phone }))
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
