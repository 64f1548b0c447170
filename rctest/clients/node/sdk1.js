'use strict';

// Drives rongcloud-sdk 1.0.3. Its host, https://api.cn.rong.io, is fixed, so connections to it are led to the port
// RC_PORT of this machine. They are TLS, and the certificate is verified as usual: NODE_EXTRA_CA_CERTS names its issuer.
// The path "" lists the user calls that it has.

const https = require('https');
const tls = require('tls');
const lines = require('./lines');

class LoopbackAgent extends https.Agent {
  createConnection(options, connected) {
    const redirected = { servername: options.host, ...options, host: '127.0.0.1', port: Number(process.env.RC_PORT) };
    return tls.connect(redirected, connected);
  }
}
https.globalAgent = new LoopbackAgent();

const { init, user } = require('rongcloud-sdk-1');

init(process.env.RC_APP_KEY, process.env.RC_APP_SECRET);

const paths = (object, prefix) =>
  Object.entries(object).flatMap(([name, value]) =>
    [...(typeof value === 'function' ? [prefix + name] : []), ...paths(value, `${prefix}${name}.`)]);

const answer = (path, values) =>
  new Promise((resolve, reject) => {
    const call = path.split('.').reduce((object, name) => object[name], user);
    call(...values, 'json', (failure, text) => {
      if (!failure) {
        resolve(JSON.parse(text));
      } else if (failure.response) {
        reject({ status: failure.status, body: JSON.parse(failure.response.text) });
      } else {
        reject(failure);
      }
    });
  });

lines((path, values) => (path === '' ? paths(user, '') : answer(path, values)));
