/** What a replay owes: the events that pass its own filter, to each of its destinations whose filter they pass as it is now. */
import type { Route } from '../core/destination.ts';
import { type PlanReplay, type ReplayedEvent, ReplayFault, type ReplayOrder } from '../core/replay.ts';
import {
  type CompiledFilter,
  type CompiledRoute,
  compileFilter,
  createRouteCompiler,
  describeConditionFault,
  type RouteFault,
  Routing,
} from '../dispatch/route.ts';

/** @param onFault a destination's condition threw: it is not owed that event, as at dispatch */
export function createReplayPlanner(onFault: (fault: RouteFault) => void): PlanReplay {
  const compile = createRouteCompiler();
  return (order, routes) => {
    const { scope, ignoreFilter } = order;
    const own = scope.kind === 'filter' ? compileFilter(scope.filter) : null;
    const targets = targetsOf(order, routes);
    const compiled = ignoreFilter ? targets.map(takesEverything) : compile(targets);
    return {
      readsPayload: (event) =>
        own?.admits(event) !== false &&
        compiled.some((route) => (own?.readsPayload || route.readsPayload) && route.admits(event)),
      owe(events, limit) {
        const routing = new Routing(compiled);
        let [taken, matched] = [0, 0];
        for (const event of events) {
          if (matched === limit) break;
          taken++;
          if (passes(event, own) && routing.add(event)) matched++;
        }
        for (const fault of routing.faults) onFault(fault);
        return { deliveries: routing.deliveries, taken, matched };
      },
    };
  };
}

function targetsOf({ destinationIds }: ReplayOrder, routes: readonly Route[]): readonly Route[] {
  return destinationIds === null
    ? routes
    : routes.filter(({ destinationId }) => destinationIds.includes(destinationId));
}

function takesEverything({ destinationId, format }: Route): CompiledRoute {
  return { destinationId, format, readsPayload: false, admits: () => true, matches: () => true };
}

function passes(event: ReplayedEvent, own: CompiledFilter | null): boolean {
  try {
    return own === null || own.matches(event);
  } catch (error) {
    throw new ReplayFault(`its condition cannot be asked: ${describeConditionFault(error)}`);
  }
}
