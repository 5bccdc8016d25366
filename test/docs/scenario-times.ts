/** When things happened in the scenario: so many seconds before the suite began. */

const NOW = Math.floor(Date.now() / 1000);

export const MINUTE = 60;
export const HOUR = 3600;
export const DAY = 86_400;

export const unix = (seconds: number): number => NOW - seconds;
export const ago = (seconds: number): Date => new Date(unix(seconds) * 1000);
