import { lookAtPlaces } from "../support/console-places.ts";

lookAtPlaces(390);
