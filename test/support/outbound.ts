import { parseSubnet, type Subnet } from "../../lib/outbound/addresses.ts";
import { createOutboundClient } from "../../lib/outbound/client.ts";

export const subnets = (...texts: readonly string[]): Subnet[] =>
  texts.map((text) => parseSubnet(text)!);

/** A client that may reach the server of a test on 127.0.0.1. Its connections end by themselves. */
export const loopbackHttp = (url: string) =>
  createOutboundClient({
    rules: {
      privateSubnets: subnets("127.0.0.1/32"),
      ports: [Number(new URL(url).port)],
      plain: false,
    },
  });
