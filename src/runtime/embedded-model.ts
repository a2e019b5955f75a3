/** The name that stands for the model which comes with the package. */
export const EMBEDDED_MODEL = "pocket";
