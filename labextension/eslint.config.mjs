import js from '@eslint/js';
import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/** What a notebook or a ledger says is text: nothing here may turn a string into markup or code. */
const NO_MARKUP = [
  { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: 'Everything from a notebook or a ledger is text.' },
  { selector: "MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML|srcdoc)$/]", message: 'Everything from a notebook or a ledger is text.' },
  { selector: "CallExpression[callee.property.name='write'][callee.object.name='document']", message: 'Everything from a notebook or a ledger is text.' }
];

/** Components get data and callbacks as props: JupyterLab is wired up in plugins/ and nowhere else. */
const NO_LAB = { patterns: [{ group: ['@jupyterlab/*', '@lumino/*'], message: 'JupyterLab is wired up in plugins/ only.' }] };

export default tseslint.config(
  { ignores: ['lib', 'build', 'node_modules', 'src/tokens.ts', 'src/style'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname } },
    plugins: { 'react-hooks': hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      'no-restricted-syntax': ['error', ...NO_MARKUP],
      'no-eval': 'error',
      'no-implied-eval': 'off',
      'no-new-func': 'error',
      '@typescript-eslint/no-implied-eval': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-extraneous-class': 'off',
      'max-lines': ['error', { max: 320, skipBlankLines: true, skipComments: true }]
    }
  },
  { files: ['src/*.ts', 'src/components/**'], ignores: ['src/index.ts'], rules: { 'no-restricted-imports': ['error', NO_LAB] } },
  { files: ['tests/**'], rules: { '@typescript-eslint/no-non-null-assertion': 'off', '@typescript-eslint/require-await': 'off' } }
);
