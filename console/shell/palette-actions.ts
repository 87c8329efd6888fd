import { useEffect } from "react";
import type { IconName } from "../parts/icon.tsx";

/** Something that can be done on the page that is shown, or with what is selected there. */
export interface PaletteAction {
  name: string;
  icon: IconName;
  act: () => void;
}

let offered: readonly (readonly PaletteAction[])[] = [];

/** The actions that the page offers now, those of the innermost part first. */
export const listPaletteActions = () => [...offered].reverse().flat();

/** Offers actions in the palette as long as the component is shown. Leave out what the role of the person does not allow. */
export function usePaletteActions(actions: readonly PaletteAction[]): void {
  useEffect(() => {
    offered = [...offered, actions];
    return () => {
      offered = offered.filter((each) => each !== actions);
    };
  }, [actions]);
}
