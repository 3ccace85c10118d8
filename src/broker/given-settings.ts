/**
 * Settings of a queue as operators give them, for a queue or for a template.
 */
import { isSettingName, settingRows, wrongValue } from '../protocol/queue-settings.ts';
import { contradictionIn } from '../queue/contradictions.ts';
import type { QueueSettings } from '../queue/queue.ts';
import type { State } from '../queue/state.ts';
import { type Arguments, badField } from './arguments.ts';

/** Those given; null puts one back to the broker's default. */
export function settingsOf(args: Arguments): QueueSettings {
  const given = args.settings ?? {};
  if (typeof given !== 'object' || Array.isArray(given))
    throw badField('settings', 'must be a map');
  const settings: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given as Arguments)) {
    if (!isSettingName(key)) throw badField(`settings.${key}`, 'is no setting of a queue');
    const wrong = value === null ? undefined : wrongValue(settingRows[key].takes, value);
    if (wrong !== undefined) throw badField(`settings.${key}`, wrong);
    settings[key] = value ?? undefined;
  }
  return settings;
}

export function checkSettings(state: State, queue: string, settings: QueueSettings): void {
  const found = contradictionIn(state, queue, settings);
  if (found !== undefined) throw badField(`settings.${found.field}`, found.what);
}
