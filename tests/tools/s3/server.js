// server.js MODULES DIR: an S3 server on a free loopback port, which is written to DIR/port; MODULES is where npm has put
// what package.json names. There is one bucket, "cache", one access key (S3RVER, with the same secret), and signatures are
// checked. Beyond that server it checks the digests of bodies and knows "If-None-Match: *". The word "full" in DIR/mode, and it
// takes nothing more; "down", and it answers everything with 500. DIR/requests has a line a request.
'use strict'
const crypto = require('crypto')
const fs = require('fs')
const path = require('path')
const [modules, dir] = process.argv.slice(2)
const S3rver = require(require.resolve('@20minutes/s3rver', { paths: [modules] }))

const mode = (word) => {
  try {
    return fs.readFileSync(path.join(dir, 'mode'), 'utf8').split(/\s+/).includes(word)
  } catch {
    return false
  }
}

const refuse = (ctx, status, code) => {
  ctx.req.resume()
  ctx.status = status
  ctx.body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>said by the test</Message></Error>`
}

async function storedDigest(app, bucket, key) {
  const hash = crypto.createHash('sha256')
  const object = await app.store.getObject(bucket, key)
  for await (const chunk of object.content) hash.update(chunk)
  return hash.digest('hex')
}

// That server writes an object into its file as it comes; two who put the same one at once take turns.
const turns = new Map()
async function inTurn(key, work) {
  const mine = (turns.get(key) ?? Promise.resolve()).then(work)
  turns.set(key, mine.catch(() => {}))
  return mine
}

async function stricter(ctx, next) {
  const [bucket, ...rest] = ctx.path.slice(1).split('/')
  const key = decodeURIComponent(rest.join('/'))
  fs.appendFileSync(path.join(dir, 'requests'), `${ctx.method} ${ctx.path} ${ctx.get('range')}\n`)
  if (mode('down')) return refuse(ctx, 500, 'InternalError')
  if (ctx.method !== 'PUT') return next()
  if (mode('full')) return refuse(ctx, 507, 'XMinioStorageFull')
  return inTurn(ctx.path, async () => {
    if (ctx.get('if-none-match') === '*' && (await ctx.app.store.existsObject(bucket, key)))
      return refuse(ctx, 412, 'PreconditionFailed')
    await next()
    if (ctx.status === 200 && (await storedDigest(ctx.app, bucket, key)) !== ctx.get('x-amz-content-sha256'))
      refuse(ctx, 400, 'XAmzContentSHA256Mismatch')
  })
}

const server = new S3rver({
  directory: path.join(dir, 'data'),
  address: '127.0.0.1',
  port: 0,
  silent: true,
  configureBuckets: [{ name: 'cache', configs: [] }],
})
server.middleware.unshift(stricter)
server.run().then(({ port }) => {
  fs.writeFileSync(path.join(dir, 'port.new'), String(port))
  fs.renameSync(path.join(dir, 'port.new'), path.join(dir, 'port'))
})
