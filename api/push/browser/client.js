// Subscribes a browser to the push notifications of Tidings. It has no dependencies. docs/push.md explains it.

/**
 * @typedef {object} PushOptions
 * @property {string} url the address of Tidings, such as `https://tidings.example.org`
 * @property {() => string | Promise<string>} getToken returns a token of the recipient with the purpose `push`, from your server
 * @property {string} [worker] the address of your service worker, on the origin of the page; by default `/sw.js`
 * @property {string} [scope] the pages for which the worker is responsible; by default the folder of the worker
 * @property {string} [label] what the recipient calls this browser
 */

/**
 * The state of this browser. `unsupported`: it has no push, or only for an installed app (iOS). `denied`: the recipient has refused
 * notifications. `subscribed`: it receives notifications. `unsubscribed`: it could.
 *
 * @typedef {"unsupported" | "denied" | "subscribed" | "unsubscribed"} PushStatus
 */

/** The key in the page's storage that says that the recipient wants notifications in this browser. */
const wanted = "tidings-push";

/** @param {string} text base64url @returns {Uint8Array<ArrayBuffer>} */
const decode = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));

/** @param {ArrayBuffer | null | undefined} one @param {Uint8Array} other */
const isSame = (one, other) => !!one && String(new Uint8Array(one)) === String(other);

/** Reads or writes the page's storage, which a browser may refuse. @param {boolean} [value] */
function remember(value) {
  try {
    if (value === undefined) return localStorage.getItem(wanted) === "yes";
    if (value) localStorage.setItem(wanted, "yes");
    else localStorage.removeItem(wanted);
  } catch {
    // Without storage the subscription itself is the only record.
  }
  return false;
}

/**
 * Makes the functions for one recipient. None of them shows anything, and only `subscribe` asks for permission.
 *
 * @param {PushOptions} options
 */
export function createPush({ url, getToken, worker = "/sw.js", scope, label }) {
  const isSupported =
    "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
  const base = url.replace(/\/+$/, "");

  /** @param {string} method @param {object} body */
  async function send(method, body) {
    const request = async () =>
      fetch(`${base}/v1/me/push-subscriptions`, {
        method,
        headers: {
          authorization: `Bearer ${await getToken()}`,
          "content-type": "application/json",
        },
        body: JSON.stringify(body),
        credentials: "omit",
      });
    let answer = await request();
    // The token may have expired on the way.
    if (answer.status === 401) answer = await request();
    if (!answer.ok) throw new Error(`Tidings has answered ${answer.status} to ${method}`);
  }

  async function readKey() {
    const answer = await fetch(`${base}/v1/push/key`, { credentials: "omit" });
    if (!answer.ok) throw new Error(`Tidings has answered ${answer.status} for its public key`);
    return decode((await answer.json()).key);
  }

  /** The subscription that the browser has; null if it has none. */
  async function find() {
    const registration = await navigator.serviceWorker.getRegistration(scope ?? worker);
    return (await registration?.pushManager.getSubscription()) ?? null;
  }

  /** Registers the worker, and waits until it is active. It need not be responsible for this page. */
  async function activate() {
    const registration = await navigator.serviceWorker.register(worker, scope ? { scope } : {});
    const pending = registration.installing ?? registration.waiting;
    if (!registration.active && pending)
      await new Promise((resolve) =>
        pending.addEventListener("statechange", () => {
          if (["activated", "redundant"].includes(pending.state)) resolve(null);
        }),
      );
    return registration;
  }

  /** Subscribes with the present key of Tidings, and registers the subscription. */
  async function renew() {
    const key = await readKey();
    const { pushManager } = await activate();
    let subscription = await pushManager.getSubscription();
    // With another key the push service would refuse the messages.
    if (subscription && !isSame(subscription.options.applicationServerKey, key)) {
      await subscription.unsubscribe();
      subscription = null;
    }
    subscription ??= await pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey: key,
    });
    await send("PUT", { subscription, ...(label !== undefined && { label }) });
    remember(true);
  }

  /** @returns {Promise<PushStatus>} */
  async function status() {
    if (!isSupported) return "unsupported";
    if (Notification.permission === "denied") return "denied";
    return (await find()) ? "subscribed" : "unsubscribed";
  }

  /** Asks for permission and subscribes. Call it when the recipient presses a button: browsers ignore other requests. */
  async function subscribe() {
    if (isSupported && (await Notification.requestPermission()) === "granted") await renew();
    return status();
  }

  /**
   * Registers the subscription again, and replaces one that the browser has lost. Call it each time a page is loaded for the recipient. It does
   * nothing if the recipient has not subscribed in this browser.
   */
  async function resubscribe() {
    if (isSupported && Notification.permission === "granted" && (remember() || (await find())))
      await renew();
    return status();
  }

  /** Ends the subscription. Call it also when the recipient signs out. */
  async function unsubscribe() {
    remember(false);
    const subscription = isSupported ? await find() : null;
    if (subscription) {
      // The browser ends its subscription even if Tidings cannot be reached: the push service then says so.
      const removed = send("DELETE", { endpoint: subscription.endpoint });
      await Promise.allSettled([removed, subscription.unsubscribe()]);
    }
    return status();
  }

  if (isSupported)
    navigator.serviceWorker.addEventListener("message", ({ data }) => {
      if (data?.type === "tidings-push-subscription-changed") resubscribe().catch(() => {});
    });

  return { status, subscribe, resubscribe, unsubscribe };
}
