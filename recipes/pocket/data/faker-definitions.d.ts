/** Words of one language, by subject and kind. */
interface Definitions {
  readonly [subject: string]: Readonly<Record<string, unknown>> | undefined;
}

// what of @faker-js/faker is read here, so that types can be checked where the recipe's own packages are not installed
export const de: Definitions;
export const en: Definitions;
export const es: Definitions;
export const fr: Definitions;
export const it: Definitions;
export const pl: Definitions;
export const pt_PT: Definitions;
export const sv: Definitions;
