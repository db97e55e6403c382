/** Switches of the settings page, as values that tell when they change. */

import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { Signal } from '@lumino/signaling';

export const SETTINGS = 'jupyter_mlsc:panel';

export class Setting {
  value = true;
  readonly changed = new Signal<this, void>(this);

  /** The same signal, which is also given when something else changes. */
  changedWith(subscribe: (listener: () => void) => unknown): Signal<this, void> {
    subscribe(() => this.changed.emit());
    return this.changed;
  }

  set(value: boolean): void {
    if (value !== this.value) {
      this.value = value;
      this.changed.emit();
    }
  }
}

/** A switch of the settings page; on where there is no registry. */
export function settingOf(registry: ISettingRegistry | null, name: 'status' | 'cellMarks' | 'fileMarks' | 'blockedCards'): Setting {
  const setting = new Setting();
  void registry?.load(SETTINGS).then(settings => {
    const read = (): void => setting.set(settings.get(name).composite === true);
    settings.changed.connect(read);
    read();
  });
  return setting;
}
