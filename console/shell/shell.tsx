import { Link, Outlet, useNavigate, useRouterState, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { useLive } from "../api/live.ts";
import { Icon } from "../parts/icon.tsx";
import { Toasts } from "../parts/toast.tsx";
import { Brand } from "./brand.tsx";
import { Palette } from "./palette.tsx";
import { screens } from "./screens.ts";
import { type Shortcuts, useShortcuts } from "./shortcuts.ts";
import { TopBar } from "./top-bar.tsx";
import styles from "./shell.module.css";

const KeyboardHelp = lazy(() => import("./keyboard-help.tsx"));
const DeliveryDrawer = lazy(() => import("../why/delivery-drawer.tsx"));

/** The frame of every screen: the rail, the bar, and what lies over the screen. */
export function Shell({ onSignedOut }: { onSignedOut: () => void }) {
  const [over, setOver] = useState<"palette" | "keys" | null>(null);
  const navigate = useNavigate();
  const { why, peek } = useSearch({ from: "__root__" });
  const shown = why ?? peek;
  useLive();

  const go: Shortcuts = Object.fromEntries(
    screens.map(({ to, key }) => [`g ${key}`, () => void navigate({ to })]),
  );
  useShortcuts({
    ...go,
    "mod+k": () => setOver("palette"),
    "/": () => setOver("palette"),
    "?": () => setOver("keys"),
  });
  return (
    <div className={styles.shell} data-drawer={shown !== undefined}>
      <a className={styles.skip} href="#content">
        Skip to the content
      </a>
      <Rail />
      <TopBar
        onSearch={() => setOver("palette")}
        onKeys={() => setOver("keys")}
        onSignedOut={onSignedOut}
      />
      <main id="content" tabIndex={-1} className={styles.content}>
        <Outlet />
      </main>
      <Suspense>
        {shown !== undefined && <DeliveryDrawer id={shown} view={why ? "why" : "peek"} />}
        {over === "palette" && <Palette onClose={() => setOver(null)} />}
        {over === "keys" && <KeyboardHelp onClose={() => setOver(null)} />}
      </Suspense>
      <Toasts />
    </div>
  );
}

function Rail() {
  const path = useRouterState({ select: ({ location }) => location.pathname });
  useEffect(() => document.getElementById("rail")?.hidePopover(), [path]);
  return (
    <nav id="rail" popover="auto" className={styles.rail} aria-label="Screens">
      <Link to="/" className={styles.brand} aria-label="Tidings, overview">
        <Brand />
      </Link>
      <ul>
        {screens.map(({ to, name, icon, key }) => (
          <li key={to}>
            <Link
              to={to}
              className={styles.screen}
              activeOptions={{ exact: to === "/", includeSearch: false }}
              title={`${name} (g ${key})`}
            >
              <Icon name={icon} />
              {name}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
