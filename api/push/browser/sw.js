// The service worker of Tidings. It shows push notifications, performs their actions, and reports that they were shown, clicked or closed.
// An application imports it into a service worker of its own origin, or serves a copy of it there. docs/push.md explains both.
(() => {
  "use strict";

  const scope = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

  /** Actions that the link itself performs. Every other action opens its address. */
  const performed = new Set(["snooze", "complete", "snooze-all", "check-in-all"]);

  /** @param {unknown} value @returns {Record<string, any>} the value if it is an object, otherwise an empty one */
  const objectOf = (value) => (typeof value === "object" && value !== null ? value : {});

  /** @param {unknown} value @returns {any[]} */
  const listOf = (value) => (Array.isArray(value) ? value : []);

  /** @param {unknown} value */
  const textOf = (value) => (typeof value === "string" ? value : "");

  /** Resolves an address against the origin of the application. @param {unknown} value @returns {string | null} null unless it is http or https */
  function addressOf(value) {
    try {
      const { href, protocol } = new URL(textOf(value), scope.registration.scope);
      return value && /^https?:$/.test(protocol) ? href : null;
    } catch {
      return null;
    }
  }

  /** Reads a message, whatever it contains: a browser withdraws its permission from a worker that shows nothing. @param {{ text(): string } | null} data */
  function readMessage(data) {
    const text = data ? data.text() : "";
    try {
      return objectOf(objectOf(JSON.parse(text)).notification);
    } catch {
      return { body: text };
    }
  }

  /** The options of a notification, with only those members that the message has. @param {Record<string, any>} message */
  function optionsOf(message) {
    /** @type {Record<string, any>} */
    const options = {};
    for (const name of ["body", "lang", "dir", "tag"])
      if (textOf(message[name])) options[name] = message[name];
    for (const name of ["icon", "image", "badge"]) {
      const address = addressOf(message[name]);
      if (address) options[name] = address;
    }
    for (const name of ["silent", "requireInteraction", "renotify"])
      if (typeof message[name] === "boolean") options[name] = message[name];
    // A browser refuses to show a notification that is to alert again and replaces none.
    if (!options.tag) delete options.renotify;
    if (Number.isFinite(message.timestamp)) options.timestamp = message.timestamp;

    const data = objectOf(message.data);
    const kinds = listOf(data.actions);
    const actions = listOf(message.actions).map((given, index) => {
      const { action, title, navigate, icon } = objectOf(given);
      const { kind, url } = objectOf(kinds[index]);
      const name = textOf(action) || String(index);
      return { name, title: textOf(title), icon: addressOf(icon), kind, url: url || navigate };
    });
    const shown = actions.filter(({ title }) => title);
    options.actions = shown.map(({ name, title, icon }) => ({
      action: name,
      title,
      ...(icon && { icon }),
    }));
    options.data = {
      ...data,
      url: message.navigate || data.url,
      actions: shown.map(({ name, kind, url }) => ({ name, kind, url })),
    };
    return options;
  }

  /** @param {{ text(): string } | null} given */
  async function show(given) {
    const message = readMessage(given);
    const title = textOf(message.title) || scope.location.hostname;
    const options = optionsOf(message);
    try {
      await scope.registration.showNotification(title, options);
    } catch {
      // A browser that refuses one of the options still shows the text.
      const { body, tag, data } = options;
      await scope.registration.showNotification(title, { body, tag, data });
    }
    await report(options.data, "shown");
  }

  /** Reports what became of a notification. A report that does not arrive is not repeated. @param {unknown} data @param {string} event */
  async function report(data, event) {
    const receipt = addressOf(objectOf(data).receipt);
    if (!receipt) return;
    await fetch(receipt, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ event }),
      credentials: "omit",
      referrerPolicy: "no-referrer",
      keepalive: true,
    }).catch(() => {});
  }

  /** Performs the action of a link. Resolves with whether that succeeded, as far as the browser lets this worker know. @param {string} url */
  async function perform(url) {
    /** @type {RequestInit} */
    const request = { method: "POST", credentials: "omit", referrerPolicy: "no-referrer" };
    try {
      return (await fetch(url, { ...request, headers: { accept: "application/json" } })).ok;
    } catch {
      // The request may have been performed without its answer being readable from this origin. Performing it again has no second effect.
      return fetch(url, { ...request, mode: "no-cors" }).then(
        () => true,
        () => false,
      );
    }
  }

  /** Shows an address in a window that has it already, or in a new one. @param {unknown} given */
  async function open(given) {
    const url = addressOf(given) || scope.registration.scope;
    const windows = await scope.clients.matchAll({ type: "window", includeUncontrolled: true });
    const same = windows.find((client) => client.url === url);
    await (same ? same.focus() : scope.clients.openWindow(url)).catch(() => {});
  }

  /** @param {Notification} notification @param {string} name the action that was pressed; empty for the notification itself */
  async function click(notification, name) {
    notification.close();
    const data = objectOf(notification.data);
    const action = listOf(data.actions).find((one) => name !== "" && one.name === name);
    const link = addressOf(action?.url);
    const act = async () => {
      // A link that failed shows a page that says why, and offers the action again.
      if (link && performed.has(action.kind)) return (await perform(link)) || open(link);
      return open(link || data.url);
    };
    await Promise.all([act(), report(data, "clicked")]);
  }

  /**
   * Subscribes again after the browser has ended a subscription. The application's pages register the new subscription when they are loaded
   * next. If the worker's address has the parameter `renew`, an address of the application's own origin, it is also sent there.
   *
   * @param {Event & { oldSubscription?: PushSubscription | null; newSubscription?: PushSubscription | null }} event
   */
  async function renew({ oldSubscription, newSubscription }) {
    const options = oldSubscription?.options;
    if (!newSubscription && !options?.applicationServerKey) return;
    const { pushManager } = scope.registration;
    const subscription = newSubscription ?? (await pushManager.subscribe(options));
    for (const client of await scope.clients.matchAll({
      type: "window",
      includeUncontrolled: true,
    }))
      client.postMessage({ type: "tidings-push-subscription-changed" });
    const address = new URL(scope.location.href).searchParams.get("renew");
    const url = addressOf(address);
    if (!url || new URL(url).origin !== scope.location.origin) return;
    await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ previousEndpoint: oldSubscription?.endpoint ?? null, subscription }),
    });
  }

  scope.addEventListener("push", (event) => event.waitUntil(show(event.data)));
  scope.addEventListener("notificationclick", (event) =>
    event.waitUntil(click(event.notification, event.action)),
  );
  scope.addEventListener("notificationclose", (event) =>
    event.waitUntil(report(event.notification.data, "closed")),
  );
  scope.addEventListener("pushsubscriptionchange", (event) => {
    const change = /** @type {ExtendableEvent} */ (event);
    change.waitUntil(renew(change).catch(() => {}));
  });
})();
