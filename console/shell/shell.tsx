import { Outlet, useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { useLive } from "../api/live.ts";
import { Toasts } from "../parts/toast.tsx";
import { Palette } from "./palette.tsx";
import { Rail } from "./rail.tsx";
import { screens } from "./screens.ts";
import { type Shortcuts, useShortcuts } from "./shortcuts.ts";
import { StaleNotice } from "./stale-notice.tsx";
import { TopBar } from "./top-bar.tsx";
import styles from "./shell.module.css";

const overlays = {
  keys: () => import("./keyboard-help.tsx"),
  view: () => import("../views/save-dialog.tsx"),
  drawer: () => import("../why/delivery-drawer.tsx"),
};
const KeyboardHelp = lazy(overlays.keys);
const SaveViewDialog = lazy(overlays.view);
const DeliveryDrawer = lazy(overlays.drawer);

/** How long after the first screen what may lie over it is loaded, so that it is there even if the API is gone later. */
const overlaysMs = 2_000;

/** The frame of every screen: the rail, the bar, and what lies over the screen. */
export function Shell({ onSignedOut }: { onSignedOut: () => void }) {
  const [over, setOver] = useState<"palette" | "keys" | "view" | null>(null);
  const navigate = useNavigate();
  const { why, peek } = useSearch({ from: "__root__" });
  const shown = why ?? peek;
  useLive();
  useEffect(() => {
    const timer = setTimeout(() => {
      for (const load of Object.values(overlays)) load().catch(() => {});
    }, overlaysMs);
    return () => clearTimeout(timer);
  }, []);

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
        onSaveView={() => setOver("view")}
        onSignedOut={onSignedOut}
      />
      <main id="content" tabIndex={-1} className={styles.content}>
        <StaleNotice />
        <Outlet />
      </main>
      <Suspense>
        {shown !== undefined && <DeliveryDrawer id={shown} view={why ? "why" : "peek"} />}
        {over === "palette" && (
          <Palette onClose={() => setOver(null)} onSaveView={() => setOver("view")} />
        )}
        {over === "view" && <SaveViewDialog onClose={() => setOver(null)} />}
        {over === "keys" && <KeyboardHelp onClose={() => setOver(null)} />}
      </Suspense>
      <Toasts />
    </div>
  );
}
