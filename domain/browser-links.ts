import { createCompactTokens } from "./compact-tokens.ts";
import { formatUuid, writeUuid } from "./ids.ts";

/** Which email a link shows in a browser. */
interface BrowserLink {
  /** The UUID. */
  deliveryId: string;
  /** The epoch of the recipient's links: a link with another one was revoked. */
  epoch: number;
}

/** Signs and verifies the tokens in links that show an email in a browser. They do not expire. */
export interface BrowserTokens {
  sign(link: BrowserLink): string;
  /** Null for a text that is not such a token. The caller checks that the epoch is still the recipient's. */
  verify(token: string): BrowserLink | null;
}

const idBytes = 16;

/** @param secrets the secrets for `createCompactTokens` */
export function createBrowserTokens(secrets: readonly string[]): BrowserTokens {
  const tokens = createCompactTokens(secrets, "view in a browser");
  return {
    sign({ deliveryId, epoch }) {
      const content = Buffer.allocUnsafe(idBytes + 4);
      writeUuid(content, deliveryId, 0);
      content.writeUInt32BE(epoch, idBytes);
      return tokens.sign(content);
    },
    verify(token) {
      const content = tokens.verify(token);
      if (content === null) return null;
      return {
        deliveryId: formatUuid(content.subarray(0, idBytes)),
        epoch: content.readUInt32BE(idBytes),
      };
    },
  };
}
