/** Which destinations an event is owed to. */
import type { NewDelivery } from '../core/delivery.ts';
import type { DestinationFilter, Route } from '../core/destination.ts';
import type { OwedEvent } from '../core/dispatch.ts';
import { OWN_SOURCE } from '../core/event.ts';
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

/** An event as routing looks at it. */
export type RoutableEvent = Omit<OwedEvent, 'attempts' | 'routed'>;

/** A filter that can be asked. */
export interface CompiledFilter {
  /** By source and type alone. */
  admits(event: Pick<OwedEvent, 'source' | 'type'>): boolean;
  /** Does it ask for more than that? */
  readonly readsPayload: boolean;
  /** Whatever its condition throws, this does. */
  matches(event: Pick<OwedEvent, 'source' | 'type' | 'payload'>): boolean;
}

export interface CompiledRoute extends CompiledFilter {
  readonly destinationId: string;
  readonly format: Route['format'];
}

/** For events that were routed when they came: a rebuild projects them again, and owes nobody anything. */
export const routeNowhere: RouteEvents = () => ({ deliveries: [], faults: [] });

export function createRouter(): RouteEvents {
  const compile = createRouteCompiler();
  return (events, routes) => {
    const routing = new Routing(compile(routes));
    for (const event of events) if (!event.routed) routing.add(event);
    return routing;
  };
}

/** What it has compiled it keeps, for as long as the route is the same. */
export function createRouteCompiler(): (routes: readonly Route[]) => readonly CompiledRoute[] {
  let known: ReadonlyMap<string, { readonly text: string; readonly compiled: CompiledRoute }> = new Map();
  return (routes) => {
    const entries = routes.map((route) => {
      const { destinationId, filter, format } = route;
      const text = JSON.stringify(route);
      const before = known.get(destinationId);
      const entry =
        before?.text === text ? before : { text, compiled: { destinationId, format, ...compileFilter(filter) } };
      return [destinationId, entry] as const;
    });
    known = new Map(entries);
    return entries.map(([, { compiled }]) => compiled);
  };
}

/** Events on their way to destinations, one after the other. Never throws. */
export class Routing implements Routed {
  readonly deliveries: NewDelivery[] = [];
  readonly faults: RouteFault[] = [];
  readonly #routes: readonly CompiledRoute[];
  /** Destinations and requests that are owed in the format `original`. */
  readonly #originals = new Set<string>();

  constructor(routes: readonly CompiledRoute[]) {
    this.#routes = routes;
  }

  /** True if at least one destination wants it. */
  add(event: RoutableEvent): boolean {
    let wanted = false;
    for (const route of this.#routes) {
      if (!this.#isWanted(event, route)) continue;
      wanted = true;
      const original = route.format === 'original';
      const key = `${route.destinationId} ${event.requestId}`;
      if (original && this.#originals.has(key)) continue;
      if (original) this.#originals.add(key);
      this.deliveries.push(deliveryOf(event, route.destinationId, original));
    }
    return wanted;
  }

  #isWanted(event: RoutableEvent, route: CompiledRoute): boolean {
    try {
      return route.matches(event);
    } catch (error) {
      this.faults.push({ destinationId: route.destinationId, error: describeConditionFault(error) });
      return false;
    }
  }
}

/** Of what the condition's own check says nothing comes from a payload; anything else is named by its kind only. */
export function describeConditionFault(error: unknown): string {
  if (error instanceof SyntaxError) return error.message;
  return error instanceof Error ? `the condition threw a ${error.name}` : 'the condition threw';
}

function deliveryOf(event: RoutableEvent, destinationId: string, original: boolean): NewDelivery {
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

/**
 * Never throws: a condition that is wrong refuses the events that get as far as it. The gateway's own events are wanted only
 * by who names their source: whoever asks for all sources means the providers', and is not to be surprised.
 */
export function compileFilter({ sources, types, condition }: DestinationFilter): CompiledFilter {
  const names = sources === null ? null : new Set(sources);
  const isType = compileTypes(types);
  const meets = condition === null ? null : compileOrThrowLater(condition);
  const isSource = (source: string) => (names === null ? source !== OWN_SOURCE : names.has(source));
  const admits: CompiledFilter['admits'] = ({ source, type }) => isSource(source) && isType(type);
  return {
    admits,
    readsPayload: meets !== null,
    matches: (event) => admits(event) && (meets === null || (event.payload !== null && meets(event.payload))),
  };
}

/** A `*` at the end stands for any rest; anywhere else for itself. */
export function compileTypes(patterns: readonly string[]): (type: string) => boolean {
  const exact = new Set(patterns.filter((pattern) => !pattern.endsWith('*')));
  const prefixes = patterns.filter((pattern) => pattern.endsWith('*')).map((pattern) => pattern.slice(0, -1));
  return (type) => exact.has(type) || prefixes.some((prefix) => type.startsWith(prefix));
}

function compileOrThrowLater(condition: JsonObject): (payload: JsonObject) => boolean {
  try {
    return compileCondition(condition);
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
