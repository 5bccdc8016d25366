/** Which destinations an event is owed to. */
import type { NewDelivery } from '../core/delivery.ts';
import type { Route } from '../core/destination.ts';
import type { OwedEvent } from '../core/dispatch.ts';
import type { JsonObject } from '../core/json.ts';
import { ascendingRowId } from '../core/row-id.ts';
import { compileCondition } from './condition-test.ts';

/** A condition that cannot be compiled, or threw: the event counts as none of those that the destination wants. */
export interface RouteFault {
  readonly destinationId: string;
  /** Nothing of the payload. */
  readonly error: string;
}

export interface Routed {
  /** In the order of the events; those of the format `original` once for each request. */
  readonly deliveries: readonly NewDelivery[];
  readonly faults: readonly RouteFault[];
}

/** Never throws. What it has compiled it keeps for the next batch. */
export type RouteEvents = (events: readonly OwedEvent[], routes: readonly Route[]) => Routed;

interface CompiledRoute {
  readonly destinationId: string;
  readonly format: Route['format'];
  readonly matches: (event: OwedEvent) => boolean;
  /** What it is made of. */
  readonly text: string;
}

/** For events that were routed when they came: a rebuild projects them again, and owes nobody anything. */
export const routeNowhere: RouteEvents = () => ({ deliveries: [], faults: [] });

export function createRouter(): RouteEvents {
  let known: ReadonlyMap<string, CompiledRoute> = new Map();
  return (events, routes) => {
    const compiled = routes.map((route) => {
      const text = JSON.stringify(route);
      const before = known.get(route.destinationId);
      return before?.text === text ? before : compileRoute(route, text);
    });
    known = new Map(compiled.map((route) => [route.destinationId, route]));
    return routeEvents(events, compiled);
  };
}

function routeEvents(events: readonly OwedEvent[], routes: readonly CompiledRoute[]): Routed {
  const deliveries: NewDelivery[] = [];
  const faults: RouteFault[] = [];
  const originals = new Set<string>();
  for (const event of events) {
    if (event.routed) continue;
    for (const route of routes) {
      if (!isWanted(event, route, faults)) continue;
      const original = route.format === 'original';
      const key = `${route.destinationId} ${event.requestId}`;
      if (original && originals.has(key)) continue;
      if (original) originals.add(key);
      deliveries.push(deliveryOf(event, route.destinationId, original));
    }
  }
  return { deliveries, faults };
}

function isWanted(event: OwedEvent, { destinationId, matches }: CompiledRoute, faults: RouteFault[]): boolean {
  try {
    return matches(event);
  } catch (error) {
    // Of what the condition's own check says nothing comes from a payload; anything else is named by its kind only.
    faults.push({ destinationId, error: error instanceof SyntaxError ? error.message : kindOf(error) });
    return false;
  }
}

function kindOf(error: unknown): string {
  return error instanceof Error ? `the condition threw a ${error.name}` : 'the condition threw';
}

function deliveryOf(event: OwedEvent, destinationId: string, original: boolean): NewDelivery {
  const { id, requestId, source, provider, type, subject, receivedAt } = event;
  return {
    id: ascendingRowId(),
    destinationId,
    eventId: original ? null : id,
    requestId,
    source,
    provider,
    type,
    subject: original ? null : subject,
    receivedAt,
  };
}

function compileRoute({ destinationId, filter, format }: Route, text: string): CompiledRoute {
  const sources = filter.sources === null ? null : new Set(filter.sources);
  const isType = compileTypes(filter.types);
  const meets = filter.condition === null ? null : compileOrThrowLater(filter.condition);
  const matches = ({ source, type, payload }: OwedEvent) =>
    (sources === null || sources.has(source)) &&
    isType(type) &&
    (meets === null || (payload !== null && meets(payload)));
  return { destinationId, format, matches, text };
}

/** A `*` at the end stands for any rest; anywhere else for itself. */
export function compileTypes(patterns: readonly string[]): (type: string) => boolean {
  const exact = new Set(patterns.filter((pattern) => !pattern.endsWith('*')));
  const prefixes = patterns.filter((pattern) => pattern.endsWith('*')).map((pattern) => pattern.slice(0, -1));
  return (type) => exact.has(type) || prefixes.some((prefix) => type.startsWith(prefix));
}

/** Only the events that get as far as the condition are refused by one that is wrong. */
function compileOrThrowLater(condition: JsonObject): (payload: JsonObject) => boolean {
  try {
    return compileCondition(condition);
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
