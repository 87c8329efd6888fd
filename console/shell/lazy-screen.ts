import { lazyRouteComponent as lazyComponent } from "@tanstack/react-router";

/** The code of a screen could not be loaded. */
export class ScreenNotLoaded extends Error {
  override name = "ScreenNotLoaded";
}

/**
 * The function of the router with the same name, except that it never loads the page again by itself: while the API is gone, that would
 * leave an error page of the browser.
 */
export const lazyRouteComponent: typeof lazyComponent = (importer, name) =>
  lazyComponent(
    () =>
      importer().catch((cause: unknown) => {
        throw new ScreenNotLoaded("The code of this screen could not be loaded.", { cause });
      }),
    name,
  );
