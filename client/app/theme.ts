import {
  type CSSVariablesResolver,
  createTheme,
  defaultVariantColorsResolver,
  type MantineColorsTuple,
} from '@mantine/core';

/** The sea under the ferry: the one colour that means "act" or "arrived". */
const tide: MantineColorsTuple = [
  '#eef7f8',
  '#d9ecef',
  '#b0d8de',
  '#86c8d2',
  '#57a8b5',
  '#368d9c',
  '#1f7383',
  '#155d6c',
  '#104a57',
  '#0b3742',
];

/** Greys with a breath of sea in them, light to dark. */
const fog: MantineColorsTuple = [
  '#f6f9f9',
  '#edf2f2',
  '#dde6e6',
  '#c9d5d7',
  '#a9babe',
  '#81979d',
  '#566e76',
  '#3f565e',
  '#273e47',
  '#10272f',
];

/** Night at sea: text first, deepest water last. */
const night: MantineColorsTuple = [
  '#e3edef',
  '#c6d6da',
  '#9db3ba',
  '#6f8993',
  '#35505d',
  '#213642',
  '#172a34',
  '#101f27',
  '#0c1920',
  '#0a151b',
];

/** Port-hand red: something was refused or lost. */
const alarm: MantineColorsTuple = [
  '#fdf0ee',
  '#fadcd8',
  '#f5b8b0',
  '#f09186',
  '#e66a5c',
  '#d34a3c',
  '#b8352a',
  '#9c281f',
  '#7e2019',
  '#5f1812',
];

export const theme = createTheme({
  colors: { tide, gray: fog, dark: night, red: alarm },
  primaryColor: 'tide',
  primaryShade: { light: 7, dark: 3 },
  // Fills are deep in the light theme and pale in the dark one; what is written on them follows.
  variantColorResolver: (input) => {
    const colors = defaultVariantColorsResolver(input);
    return input.variant === 'filled' ? { ...colors, color: 'var(--sky-on-fill)' } : colors;
  },
  black: '#0e2a33',
  fontFamily: "'Instrument Sans Variable', system-ui, -apple-system, 'Segoe UI', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'Cascadia Mono', 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  headings: {
    fontFamily: "'Bricolage Grotesque Variable', 'Instrument Sans Variable', system-ui, sans-serif",
    fontWeight: '650',
    textWrap: 'balance',
    sizes: {
      h1: { fontSize: '2rem', lineHeight: '1.15' },
      h2: { fontSize: '1.25rem', lineHeight: '1.3' },
      h3: { fontSize: '1.0625rem', lineHeight: '1.35' },
    },
  },
  defaultRadius: 'md',
  radius: { sm: '6px', md: '10px', lg: '16px' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Button: { defaultProps: { size: 'md' } },
    // An example stays one where nothing was typed: in the colour of errors it reads as if it had been.
    Input: { styles: { input: { '--input-placeholder-color': 'var(--mantine-color-placeholder)' } } },
    TextInput: { defaultProps: { size: 'md' } },
    Textarea: { defaultProps: { size: 'md' } },
    PasswordInput: { defaultProps: { size: 'md' } },
    FileInput: { defaultProps: { size: 'md' } },
    // Its options stay within the landmark that the field is in.
    Select: { defaultProps: { size: 'md', allowDeselect: false, comboboxProps: { withinPortal: false } } },
    Notification: { defaultProps: { closeButtonProps: { 'aria-label': 'Dismiss' } } },
    Modal: {
      defaultProps: {
        centered: true,
        radius: 'lg',
        overlayProps: { backgroundOpacity: 0.5 },
        closeButtonProps: { 'aria-label': 'Close' },
        // Its header is none of the page's.
        attributes: { header: { role: 'presentation' } },
      },
      styles: {
        content: { background: 'var(--sky-surface)' },
        header: { alignItems: 'flex-start', background: 'var(--sky-surface)' },
        title: {
          fontFamily: 'var(--mantine-font-family-headings)',
          fontSize: 'var(--mantine-h2-font-size)',
          fontWeight: 'var(--mantine-h2-font-weight)',
          lineHeight: 'var(--mantine-h2-line-height)',
          letterSpacing: '-0.01em',
          overflowWrap: 'anywhere',
          textWrap: 'balance',
        },
      },
    },
    Menu: {
      // The first item takes the focus, and the menu stays within the landmark that its button is in.
      defaultProps: { withInitialFocusPlaceholder: false, withinPortal: false, radius: 'md', shadow: 'md' },
    },
  },
});

/** Mantine's own variables, laid onto Skyferry's tokens (app/tokens.css). */
export const resolveCssVariables: CSSVariablesResolver = () => {
  const shared = {
    '--mantine-color-body': 'var(--sky-body)',
    '--mantine-color-text': 'var(--sky-text)',
    '--mantine-color-dimmed': 'var(--sky-text-dim)',
    '--mantine-color-placeholder': 'var(--sky-text-faint)',
    '--mantine-color-error': 'var(--sky-bad)',
    '--mantine-color-anchor': 'var(--sky-accent)',
    '--mantine-color-default': 'var(--sky-surface)',
    '--mantine-color-default-hover': 'var(--sky-sunken)',
    '--mantine-color-default-color': 'var(--sky-text)',
    '--mantine-color-default-border': 'var(--sky-line-strong)',
    '--mantine-color-disabled': 'var(--sky-sunken)',
    '--mantine-color-disabled-color': 'var(--sky-text-faint)',
    '--mantine-color-disabled-border': 'var(--sky-line)',
  };
  return { variables: {}, light: shared, dark: shared };
};
