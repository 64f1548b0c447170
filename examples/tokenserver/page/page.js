"use strict";

const byID = (id) => document.getElementById(id);
const names = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];

let overview = { now: new Date().toISOString(), users: [], more: false };
let received = Date.now();
let shown = "";
let awaited = ""; // the id of the user whose deletion the message is about

// now is the server's time, which the fake's clock may be far ahead of ours with.
const now = () => Date.parse(overview.now) + Date.now() - received;

function say(text, isError) {
  awaited = "";
  byID("message").textContent = text;
  byID("message").classList.toggle("error", isError);
}

async function send(method, path, body) {
  try {
    const response = await fetch(path, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
    if (response.status === 204) return {};
    const answer = await response.json().catch(() => ({ error: `the server answered ${response.status}, and no JSON` }));
    if (answer.error) throw new Error(answer.error);
    return answer;
  } catch (error) {
    say(error.message, true);
    return null;
  }
}

function age(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function cell(className, text) {
  const td = document.createElement("td");
  td.className = className;
  td.textContent = text;
  return td;
}

function button(text, enabled, click) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  element.disabled = !enabled;
  element.addEventListener("click", click);
  return element;
}

const nameOf = (user) => (user.name === user.userId ? user.name : `${user.name} (${user.userId})`);

function row(user) {
  const tr = document.createElement("tr");
  tr.dataset.user = user.userId;
  tr.classList.toggle("online", user.online);
  tr.classList.toggle("deleting", user.state === "deleting");
  tr.classList.toggle("failed", user.state === "delete failed");
  const account = { active: "active", deleting: "being deleted" }[user.state] || `RC refused to delete: ${user.refusal}`;
  const tokenAge = cell("age", "");
  tokenAge.dataset.issued = user.tokenIssuedAt || "";
  const actions = cell("actions", "");
  actions.append(
    button(user.online ? "Phone off" : "Phone on", user.state === "active", () =>
      send("POST", "/demo/online", { userId: user.userId, online: !user.online })),
    button("Delete", user.state !== "deleting", () => deleteUser(user)),
  );
  tr.append(
    cell("name", nameOf(user)),
    cell("account", account),
    tokenAge,
    cell("presence", user.online ? `online (${user.devices})` : "offline"),
    actions,
  );
  return tr;
}

async function deleteUser(user) {
  if (await send("DELETE", `/users/${encodeURIComponent(user.userId)}`)) {
    say(`${nameOf(user)} is deleted when RC says so, 15 minutes from now.`, false);
    awaited = user.userId;
  }
}

function showTimes() {
  byID("clock").textContent = new Date(now()).toLocaleString();
  for (const td of document.querySelectorAll("td.age")) {
    td.textContent = td.dataset.issued ? age(now() - Date.parse(td.dataset.issued)) : "no token";
  }
}

// show leaves alone what hasn't changed, so that the keyboard's focus stays where it is.
function show() {
  const users = JSON.stringify(overview.users);
  if (users !== shown) {
    byID("users").replaceChildren(...overview.users.map(row));
    shown = users;
  }
  if (awaited && !overview.users.some((user) => user.userId === awaited)) say("", false);
  byID("nobody").hidden = overview.users.length > 0;
  byID("more").hidden = !overview.more;
  byID("more").textContent = `These are the first ${overview.users.length}.`;
  showTimes();
}

function connect() {
  const source = new EventSource("/events");
  const status = (text) => {
    byID("stream").textContent = text;
    byID("stream").classList.toggle("live", text === "live");
  };
  source.onopen = () => status("live");
  source.onmessage = (event) => {
    overview = JSON.parse(event.data);
    received = Date.now();
    show();
  };
  source.onerror = () => {
    status("connecting");
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000); // else the browser does it
  };
}

byID("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = byID("name").value.trim();
  const answer = await send("POST", "/login", { userId: name, name });
  if (!answer) return;
  say(`${name} got a token of ${answer.token.length} characters.`, false);
  const used = new Set([name, ...overview.users.map((user) => user.userId)]);
  byID("name").value = names.find((other) => !used.has(other)) || name;
});

byID("advance").addEventListener("click", () => send("POST", "/demo/advance"));

setInterval(showTimes, 1000);
connect();
