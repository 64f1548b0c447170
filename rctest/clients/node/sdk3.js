'use strict';

// Drives rongcloud-sdk 3.1.1 as an app uses it: its hosts are an option. The path "" lists the user calls that it has.

const lines = require('./lines');

const { User } = require('rongcloud-sdk')({
  appkey: process.env.RC_APP_KEY,
  secret: process.env.RC_APP_SECRET,
  api: process.env.RC_URLS.split(' '),
});

const paths = (object, prefix) =>
  Object.entries(object).flatMap(([name, value]) =>
    typeof value === 'function' ? [prefix + name] : paths(value, `${prefix}${name}.`));

lines((path, values) => {
  if (path === '') {
    return paths(User, '');
  }
  return path.split('.').reduce((object, name) => object[name], User)(...values);
});
