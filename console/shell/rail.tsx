import { useQuery } from "@tanstack/react-query";
import { Link, useMatchRoute, useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { Icon } from "../parts/icon.tsx";
import { linkOfView } from "../views/address.ts";
import { viewsQuery } from "../views/queries.ts";
import { Brand } from "./brand.tsx";
import { laterIcon, railGroups } from "./rail-groups.ts";
import styles from "./rail.module.css";

/** How many views the rail has room for. The others are in the palette and in the settings. */
const shownViews = 6;

/** The screens in their groups, and the saved views. On narrow pages it is a sheet, which the menu button opens. */
export function Rail() {
  const href = useRouterState({ select: ({ location }) => location.href });
  // Layouts are a part of the templates.
  const isLayout = useMatchRoute()({ to: "/layouts", fuzzy: true }) !== false;
  useEffect(() => document.getElementById("rail")?.hidePopover(), [href]);
  return (
    <nav id="rail" popover="auto" className={styles.rail} aria-label="Screens">
      <Link to="/" className={styles.brand} aria-label="Tidings, overview">
        <Brand />
      </Link>
      <div className={styles.groups}>
        {railGroups.map(({ name, places }) => (
          <section key={name} aria-label={name}>
            <h2 className={styles.group} aria-hidden="true">
              {name}
            </h2>
            <ul>
              {places.map((place) => (
                <li key={place.name}>
                  {"to" in place ? (
                    <Link
                      to={place.to}
                      className={styles.place}
                      aria-current={place.to === "/templates" && isLayout ? "true" : undefined}
                      activeOptions={{ exact: place.to === "/", includeSearch: false }}
                      title={`${place.name} (g ${place.key})`}
                    >
                      <Icon name={place.icon} />
                      {place.name}
                    </Link>
                  ) : (
                    <a
                      href={place.href}
                      className={`${styles.place} ${styles.later}`}
                      title={`${place.name} has no screen yet. This opens its part of the API reference.`}
                    >
                      <Icon name={laterIcon} />
                      {place.name}
                      <span className={styles.mark}>API</span>
                    </a>
                  )}
                </li>
              ))}
            </ul>
          </section>
        ))}
        <Views />
      </div>
    </nav>
  );
}

function Views() {
  const { data = [] } = useQuery(viewsQuery);
  if (data.length === 0) return null;
  return (
    <section aria-label="Saved views">
      <h2 className={styles.group} aria-hidden="true">
        Views
      </h2>
      <ul>
        {data.slice(0, shownViews).map(({ id, name, path, isShared }) => (
          <li key={id}>
            <Link
              {...linkOfView(path)}
              className={styles.place}
              activeOptions={{ exact: true, includeSearch: true }}
              title={`${name}${isShared ? ", shared with everybody" : ""}`}
            >
              <Icon name="star" />
              <span className={styles.name}>{name}</span>
            </Link>
          </li>
        ))}
        {data.length > shownViews && (
          <li>
            <Link to="/settings" search={{ tab: "views" }} className={styles.place}>
              <Icon name="right" />
              All {data.length} views
            </Link>
          </li>
        )}
      </ul>
    </section>
  );
}
