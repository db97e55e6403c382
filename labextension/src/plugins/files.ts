/**
 * Marks in the file browser: signed, changed and blocked files.
 *
 * Rules kept: a folder's marks are asked for when it is shown and when the record changed; the browser's own elements are only added to.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { Refused } from '../api';
import type { FileMark } from '../api';
import type { IconName } from '../components/Icon';
import { plain } from '../words';
import type { Words } from '../words';
import { drawing } from './marks';
import { settingOf } from './settings';
import { IStory, localPath } from './shared';
import type { Story } from './shared';

const MARK = 'mlsc-FileMark';

const SIGNS: Readonly<Record<FileMark['mark'], IconName | null>> = {
  signed: 'allow',
  changed: 'warn',
  blocked: 'block',
  warned: 'warn',
  noted: null,
  unknown: null
};

function meaning(mark: FileMark, words: Words): string {
  const word = {
    signed: words.__('Signed'),
    changed: words.__('Changed since it was signed'),
    blocked: words.__('Blocked'),
    warned: words.__('Warning'),
    noted: words.__('Noted'),
    unknown: words.__('Not measured yet')
  }[mark.mark];
  return mark.reason === null ? word : `${word}: ${plain(mark.reason.message)}`;
}

function element(mark: FileMark, words: Words): HTMLElement | null {
  const sign = SIGNS[mark.mark];
  if (sign === null) {
    return null;
  }
  const made = document.createElement('span');
  made.className = MARK;
  made.dataset['mark'] = mark.mark;
  made.title = meaning(mark, words);
  made.setAttribute('role', 'img');
  made.setAttribute('aria-label', made.title);
  made.append(drawing(mark.mark === 'changed' && mark.verdict === 'block' ? 'block' : sign));
  return made;
}

function decorate(listing: HTMLElement, marks: ReadonlyMap<string, FileMark>, words: Words): void {
  for (const item of listing.querySelectorAll<HTMLElement>('.jp-DirListing-item')) {
    const name = item.querySelector('.jp-DirListing-itemText')?.textContent ?? '';
    const mark = marks.get(name);
    const before = item.querySelector<HTMLElement>(`.${MARK}`);
    const wanted = mark === undefined ? null : element(mark, words);
    if (wanted?.title === before?.title && wanted?.dataset['mark'] === before?.dataset['mark']) {
      continue;
    }
    before?.remove();
    if (wanted !== null) {
      item.querySelector('.jp-DirListing-itemText')?.after(wanted);
    }
  }
}

export const filesPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter_mlsc:files',
  description: 'Marks signed, changed and blocked files in the file browser.',
  autoStart: true,
  requires: [IStory, IDefaultFileBrowser],
  optional: [ISettingRegistry],
  activate: (_: JupyterFrontEnd, story: Story, browser: IDefaultFileBrowser, registry: ISettingRegistry | null) => {
    const setting = settingOf(registry, 'fileMarks');
    let marks: ReadonlyMap<string, FileMark> = new Map();
    let asked = '';
    let size = -1;
    const draw = (): void => {
      observer.disconnect();
      decorate(browser.node, setting.value ? marks : new Map<string, FileMark>(), story.words);
      observer.observe(browser.node, { childList: true, subtree: true, characterData: true });
    };
    const observer = new MutationObserver(draw);
    const ask = async (): Promise<void> => {
      const folder = localPath(browser.model.path);
      asked = folder;
      try {
        const files = await story.api.files(folder);
        if (asked === folder) {
          marks = new Map(files.marks.map(mark => [mark.name, mark]));
        }
      } catch (error) {
        if (!(error instanceof Refused)) {
          throw error;
        }
        marks = new Map();
      }
      draw();
    };
    browser.model.pathChanged.connect(() => {
      marks = new Map();
      void ask();
    });
    browser.model.fileChanged.connect(() => void ask());
    story.model.subscribe(() => {
      const now = story.model.snapshot().ledger?.size ?? -1;
      if (now !== size) {
        size = now;
        void ask();
      }
    });
    setting.changed.connect(draw);
    void browser.model.restored.then(ask);
  }
};
