"use strict";

const byID = (id) => document.getElementById(id);
const suggestedNames = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];

let overview = { now: new Date().toISOString(), users: [], more: false };
let receivedAt = Date.now(); // when overview was received, by the browser's clock
let renderedUsers = ""; // the users in the table, as JSON
let announcedDeletion = ""; // the id of the user whose deletion the message announces

// now is the time of the fake's clock, which may be far ahead of the browser's.
const now = () => Date.parse(overview.now) + Date.now() - receivedAt;

function showMessage(text, isError) {
  announcedDeletion = "";
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
    const answer = await response.json().catch(() => ({ error: `the server answered with status ${response.status} and without JSON` }));
    if (answer.error) throw new Error(answer.error);
    return answer;
  } catch (error) {
    showMessage(error.message, true);
    return null;
  }
}

function formatAge(milliseconds) {
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
    button(user.online ? "Disconnect" : "Connect", user.state === "active", () =>
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
    showMessage(`${nameOf(user)} will be deleted when RC confirms it, in 15 minutes.`, false);
    announcedDeletion = user.userId;
  }
}

function showTimes() {
  byID("clock").textContent = new Date(now()).toLocaleString();
  for (const td of document.querySelectorAll("td.age")) {
    td.textContent = td.dataset.issued ? formatAge(now() - Date.parse(td.dataset.issued)) : "no token";
  }
}

// render replaces the rows only if a user has changed, because replacing them loses the keyboard focus.
function render() {
  const users = JSON.stringify(overview.users);
  if (users !== renderedUsers) {
    byID("users").replaceChildren(...overview.users.map(row));
    renderedUsers = users;
  }
  if (announcedDeletion && !overview.users.some((user) => user.userId === announcedDeletion)) showMessage("", false);
  byID("nobody").hidden = overview.users.length > 0;
  byID("more").hidden = !overview.more;
  byID("more").textContent = `Only the first ${overview.users.length} users are shown.`;
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
    receivedAt = Date.now();
    render();
  };
  source.onerror = () => {
    status("connecting");
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000); // otherwise the browser reconnects
  };
}

byID("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = byID("name").value.trim();
  const answer = await send("POST", "/login", { userId: name, name });
  if (!answer) return;
  showMessage(`${name} got a token of ${answer.token.length} characters.`, false);
  const taken = new Set([name, ...overview.users.map((user) => user.userId)]);
  byID("name").value = suggestedNames.find((other) => !taken.has(other)) || name;
});

byID("advance").addEventListener("click", () => send("POST", "/demo/advance"));

setInterval(showTimes, 1000);
connect();
