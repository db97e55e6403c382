/** Questions as JupyterLab's dialogs, answers as its notifications. */

import { Dialog, Notification, ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';
import type { Ask, Field, Question, Tell } from '../acts';
import type { Words } from '../words';

function FieldView({ field, first, onChange }: { readonly field: Field; readonly first: boolean; readonly onChange: (value: string) => void }): React.JSX.Element {
  const [value, setValue] = React.useState(field.value);
  const changed = (event: React.ChangeEvent<HTMLInputElement | HTMLTextAreaElement>): void => {
    setValue(event.target.value);
    onChange(event.target.value);
  };
  const shared = { value, onChange: changed, required: field.required, autoFocus: first, className: 'jp-mod-styled', name: field.name };
  return (
    <label className="mlsc-Field">
      <span>{field.label}</span>
      {field.kind === 'lines' ? (
        <textarea rows={3} {...shared} />
      ) : (
        <input type={field.kind} autoComplete={field.kind === 'password' ? 'current-password' : 'off'} {...shared} />
      )}
    </label>
  );
}

class QuestionBody extends ReactWidget implements Dialog.IBodyWidget<Record<string, string>> {
  private readonly values: Record<string, string>;

  constructor(
    private readonly question: Question,
    private readonly onValid: (valid: boolean) => void
  ) {
    super();
    this.addClass('mlsc-Question');
    this.values = Object.fromEntries(question.fields.map(field => [field.name, field.value]));
  }

  getValue(): Record<string, string> {
    return { ...this.values };
  }

  get valid(): boolean {
    return this.question.fields.every(field => !field.required || (this.values[field.name] ?? '').trim() !== '');
  }

  protected render(): React.JSX.Element {
    return (
      <>
        {this.question.text.map(line => (
          <p key={line}>{line}</p>
        ))}
        {this.question.fields.map((field, index) => (
          <FieldView
            key={field.name}
            field={field}
            first={index === 0}
            onChange={value => {
              this.values[field.name] = value;
              this.onValid(this.valid);
            }}
          />
        ))}
      </>
    );
  }
}

export function asking(words: Words): Ask {
  return async question => {
    const accept = question.danger ? Dialog.warnButton({ label: question.accept }) : Dialog.okButton({ label: question.accept });
    let dialog: Dialog<Record<string, string>> | null = null;
    const enable = (valid: boolean): void => {
      const button = dialog?.node.querySelector<HTMLButtonElement>('.jp-Dialog-button.jp-mod-accept');
      if (button) {
        button.disabled = !valid;
      }
    };
    const body = new QuestionBody(question, enable);
    const shown = new Dialog<Record<string, string>>({ title: question.title, body, focusNodeSelector: 'textarea, input', buttons: [Dialog.cancelButton({ label: words.__('Cancel') }), accept] });
    dialog = shown;
    const answered = shown.launch();
    enable(body.valid);
    const result = await answered;
    return result.button.accept && result.value !== null && body.valid ? result.value : null;
  };
}

export const telling: Tell = (kind, message, next) => {
  const text = next === null ? message : `${message}. ${next}`;
  Notification.emit(text, kind, { autoClose: kind === 'success' ? 6000 : false });
};

