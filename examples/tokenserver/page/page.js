"use strict";

const suggestedIDs = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];
const validID = /^[A-Za-z0-9_-]{1,64}$/; // as the server checks it
const maxNameCharacters = 64;
const requestTimeout = 20000; // milliseconds; the server answers within 10 s
const reconnectDelay = 2000; // milliseconds
const maxAnnouncements = 3; // changes at one time that are told one by one

const byID = (id) => document.getElementById(id);

let overview = { now: new Date().toISOString(), users: [], more: false }; // the latest from the server
let receivedAt = Date.now(); // when overview was received, by the browser's clock
let source = null; // the stream of overviews, if it is open
let reconnecting = 0; // the timer of the next attempt to open it
const rows = new Map(); // user ID -> row, of the users that are shown
let rowsCreated = 0;
let messagesShown = 0;
let dialogRow = null; // the row of the user whom the dialog asks about, while it is open

// Texts and elements

function create(tag, className, ...content) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...content);
  return element;
}

// setText leaves an unchanged text alone: replacing it would clear the reader's selection.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setAttribute(element, name, on) {
  if (on) element.setAttribute(name, "true");
  else element.removeAttribute(name);
}

// labelOf returns the nodes that show a user. The name and the ID are isolated from the text around them, because a name may
// contain characters that reverse the direction of the text.
function labelOf(user) {
  const hasName = user.name.trim() !== "" && user.name !== user.userId;
  const id = create("bdi", "id", hasName ? `(${user.userId})` : user.userId);
  id.dir = "ltr";
  return hasName ? [create("bdi", "name", user.name), " ", id] : [id];
}

function formatAge(milliseconds) {
  const minutes = Math.max(0, Math.floor(milliseconds / 60000));
  if (minutes < 1) return "under 1 min";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

// now is the time of the fake's clock, which may be far ahead of the browser's.
const now = () => Date.parse(overview.now) + Date.now() - receivedAt;

// Messages

function showMessage(isFailure, ...content) {
  messagesShown++;
  byID("message").classList.toggle("failure", isFailure);
  byID("message").replaceChildren(...content);
}

// announce tells about changes that the server reported. Many at once are only counted, for the sake of screen readers.
function announce(changes) {
  if (changes.length > maxAnnouncements) showMessage(false, `${changes.length} accounts have changed.`);
  else if (changes.length > 0) showMessage(false, ...changes.flatMap((change, i) => (i > 0 ? [" ", ...change] : change)));
}

function showFieldError(id, text) {
  setText(byID(`${id}-error`), text);
  setAttribute(byID(id), "aria-invalid", text !== "");
  if (text !== "") byID(id).focus();
}

// Requests

// send returns the server's answer. It throws an Error for every other outcome, with the status if there was an answer.
async function send(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(requestTimeout),
    });
    if (response.status === 204) return {};
  } catch {
    throw new Error("The server can't be reached. Try again later.");
  }
  const answer = await response.json().catch(() => ({ error: `The server answered with status ${response.status} and without JSON.` }));
  if (answer.error) throw Object.assign(new Error(answer.error), { status: response.status });
  return answer;
}

// run does what a button is for, once at a time. It shows the message that action returns, unless a change was announced
// meanwhile, and the error if it fails.
async function run(button, action) {
  if (button.hasAttribute("aria-disabled") || button.hasAttribute("aria-busy")) return;
  setAttribute(button, "aria-busy", true);
  const before = messagesShown;
  try {
    const message = await action();
    if (message && messagesShown === before) showMessage(false, ...message);
  } catch (error) {
    showMessage(true, error.message);
  } finally {
    setAttribute(button, "aria-busy", false);
  }
}

async function logIn() {
  const userId = byID("user-id").value.trim();
  const name = byID("user-name").value.trim(); // "" keeps the name that the user has
  showFieldError("user-id", "");
  showFieldError("user-name", "");
  if ([...name].length > maxNameCharacters) {
    showFieldError("user-name", `The name has ${[...name].length} characters; ${maxNameCharacters} are allowed.`);
    return null;
  }
  if (!validID.test(userId)) {
    showFieldError("user-id", userId === "" ? "Enter a user ID." : "A user ID has 1 to 64 letters, digits, - or _.");
    return null;
  }
  try {
    const answer = await send("POST", "/login", { userId, name });
    suggestNext(userId);
    return [...labelOf({ userId, name }), ` got a token of ${answer.token.length} characters.`];
  } catch (error) {
    if (error.status !== 400 && error.status !== 409) throw error;
    showFieldError(/\bname\b/i.test(error.message) ? "user-name" : "user-id", error.message);
    return null;
  }
}

// suggestNext fills in another user, unless something else was typed during the request.
function suggestNext(userId) {
  if (byID("user-id").value.trim() !== userId) return;
  byID("user-id").value = suggestedIDs.find((id) => id !== userId && !rows.has(id)) || userId;
  byID("user-name").value = "";
}

async function toggleOnline(row) {
  const { user } = row;
  await send("POST", "/demo/online", { userId: user.userId, online: !user.online });
  return [...labelOf(user), user.online ? " is disconnected." : " is connected."];
}

async function deleteUser(user) {
  await send("DELETE", `/users/${encodeURIComponent(user.userId)}`);
  return [...labelOf(user), " will be deleted when RC confirms it, in 15 minutes."];
}

async function advance() {
  await send("POST", "/demo/advance");
  return ["The clock of the fake RC was moved 15 minutes on."];
}

function askBeforeDeletion(row) {
  dialogRow = row;
  byID("confirm-user").replaceChildren(...labelOf(row.user));
  byID("confirm").showModal();
}

// Rows

function createFact(className, term) {
  const value = create("dd", "");
  return { element: create("div", className, create("dt", "", term), value), value };
}

// createButton returns a button whose accessible name ends with the label of the row's user.
function createButton(className, text, label, click) {
  const button = create("button", className, text);
  button.type = "button";
  button.id = `${label.id}-${className}`;
  button.setAttribute("aria-labelledby", `${button.id} ${label.id}`);
  button.addEventListener("click", click);
  return button;
}

function createRow() {
  const row = {
    label: create("h3", "who"),
    account: createFact("account", "Account"),
    token: createFact("token", "Token age"),
    presence: createFact("presence", "Presence"),
    user: null,
  };
  row.label.id = `user-${++rowsCreated}`;
  row.label.tabIndex = -1;
  row.toggle = createButton("toggle", "", row.label, () => run(row.toggle, () => toggleOnline(row)));
  row.remove = createButton("remove", "Delete", row.label, () => run(row.remove, () => askBeforeDeletion(row)));
  row.element = create("li", "", row.label,
    create("dl", "", row.account.element, row.token.element, row.presence.element),
    create("div", "actions", row.toggle, row.remove));
  return row;
}

// updateRow shows a user in a row. It changes only what differs, and disables buttons in a way that keeps their focus.
function updateRow(row, user) {
  if (row.user?.name !== user.name) row.label.replaceChildren(...labelOf(user));
  row.user = user;
  row.element.dataset.user = user.userId;
  row.element.classList.toggle("online", user.online);
  row.element.classList.toggle("deleting", user.state === "deleting");
  row.element.classList.toggle("failed", user.state === "delete failed");
  setText(row.account.value, { active: "active", deleting: "being deleted" }[user.state] || `RC refused to delete: ${user.refusal}`);
  setText(row.presence.value, user.online ? `online (${user.devices})` : "offline");
  setText(row.toggle, user.online ? "Disconnect" : "Connect");
  setAttribute(row.toggle, "aria-disabled", user.state !== "active");
  setAttribute(row.remove, "aria-disabled", user.state === "deleting");
  showTokenAge(row);
}

function showTokenAge(row) {
  const issued = row.user.tokenIssuedAt;
  setText(row.token.value, issued ? formatAge(now() - Date.parse(issued)) : "no token");
}

// arrange puts the rows in order without moving the pinned one, because an element that is moved loses its focus.
function arrange(list, ordered, pinned) {
  let next = list.firstElementChild;
  for (const row of ordered) {
    if (row.element !== next && row !== pinned) {
      list.insertBefore(row.element, next);
      continue;
    }
    while (row.element !== next) { // only before the pinned row: those move behind it, and later to their place
      const before = next;
      next = next.nextElementSibling;
      list.append(before);
    }
    next = next.nextElementSibling;
  }
}

// rowAt returns the row that contains a node.
function rowAt(node) {
  const element = node instanceof Element ? node : node?.parentElement;
  return rows.get(element?.closest("#users > li")?.dataset.user);
}

// neighborOf returns where the focus goes from a row that disappears: the next row that stays, the one before it, or the title.
function neighborOf(row, staying) {
  for (const direction of ["nextElementSibling", "previousElementSibling"]) {
    for (let other = row.element[direction]; other; other = other[direction]) {
      if (staying.has(rowAt(other))) return rowAt(other).label;
    }
  }
  return byID("users-title");
}

// describeChange returns what to announce about a user whose row is updated or, without a user, removed.
function describeChange(row, user) {
  if (row.user?.state !== "deleting") return [];
  if (!user) return [[...labelOf(row.user), overview.more ? " is no longer shown." : " was deleted."]];
  if (user.state === "delete failed") return [["RC refused to delete ", ...labelOf(user), `: ${user.refusal}.`]];
  return [];
}

function removeRow(row) {
  row.element.remove();
  rows.delete(row.user.userId);
}

// render shows the overview in the rows that exist already, so that focus, selection and scroll position are kept.
function render() {
  const active = byID("confirm").open ? dialogRow : rowAt(document.activeElement);
  const pinned = active || rowAt(getSelection().anchorNode);
  const changes = [];
  const ordered = overview.users.map((user) => {
    const row = rows.get(user.userId) || createRow();
    changes.push(...describeChange(row, user));
    updateRow(row, user);
    rows.set(user.userId, row);
    return row;
  });
  const staying = new Set(ordered);
  const leaving = [...rows.values()].filter((row) => !staying.has(row));
  const refuge = leaving.includes(active) && neighborOf(active, staying);
  changes.push(...leaving.flatMap((row) => describeChange(row)));
  leaving.forEach(removeRow);
  arrange(byID("users"), ordered, staying.has(pinned) ? pinned : null);
  showCounts(ordered.length);
  if (refuge) {
    byID("confirm").close(); // it may be asking about the user who is gone
    refuge.focus();
  }
  announce(changes);
  showClock();
}

function showCounts(shown) {
  byID("loading").hidden = true;
  byID("nobody").hidden = shown > 0;
  byID("table").hidden = shown === 0;
  byID("more").hidden = !overview.more;
  setText(byID("more"), `Only the first ${shown} users by name are shown.`);
}

const clockFormat = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

function showClock() {
  byID("clock").dateTime = new Date(now()).toISOString();
  setText(byID("clock"), clockFormat.format(now()));
}

function showTimes() {
  showClock();
  rows.forEach(showTokenAge);
}

// The stream

function showStream(state, text) {
  byID("stream").className = state;
  setText(byID("stream"), text);
}

function receive(event) {
  overview = JSON.parse(event.data);
  receivedAt = Date.now();
  render();
  showStream("live", "Live");
}

function connect() {
  clearTimeout(reconnecting);
  if (source) return;
  source = new EventSource("/events");
  source.onmessage = receive;
  source.onerror = () => {
    showStream("lost", "Connection lost, trying again…");
    if (source.readyState !== EventSource.CLOSED) return; // the browser reconnects
    disconnect();
    reconnecting = setTimeout(connect, reconnectDelay);
  };
}

function disconnect() {
  clearTimeout(reconnecting);
  source?.close();
  source = null;
}

// follow has a stream only while the page is visible: browsers allow 6 connections to a server, for all tabs together.
function follow() {
  if (document.visibilityState === "visible") connect();
  else disconnect();
}

byID("login").addEventListener("submit", (event) => {
  event.preventDefault();
  run(event.target.querySelector("button"), logIn);
});
byID("advance").addEventListener("click", () => run(byID("advance"), advance));
byID("cancel").addEventListener("click", () => byID("confirm").close());
byID("confirm-delete").addEventListener("click", () => {
  const row = dialogRow;
  byID("confirm").close(); // returns the focus to the row's button
  run(row.remove, () => deleteUser(row.user));
});
document.addEventListener("visibilitychange", follow);
addEventListener("pagehide", disconnect);
addEventListener("pageshow", follow);
setInterval(showTimes, 1000);
