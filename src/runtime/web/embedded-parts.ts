import type { ByteSource } from "../../io/byte-source.ts";
import { HttpError } from "../../io/errors.ts";
import { openSource } from "../../io/web/open-source.ts";
import { EmbeddedModelMissingError } from "../errors.ts";
import type { ModelParts } from "../platform.ts";
import { EMBEDDED_FILES } from "./embedded-files.ts";

/** The built-in model's files where the package or its bundle lies. Throws EmbeddedModelMissingError. */
export async function embeddedParts(): Promise<ModelParts> {
  const language = EMBEDDED_FILES.language();
  const found = await openIfThere(language);
  if (found === undefined) throw new EmbeddedModelMissingError(language.href);
  await found.close();
  return {
    language,
    vision: EMBEDDED_FILES.vision(),
    companion: async (name) => {
      const calibration = EMBEDDED_FILES.calibration();
      return calibration.pathname.includes(name.replace(/\.json$/, "")) ? openIfThere(calibration) : undefined;
    },
  };
}

async function openIfThere(address: URL): Promise<ByteSource | undefined> {
  try {
    return await openSource(address);
  } catch (error) {
    if (error instanceof HttpError && error.status === 404) return undefined;
    throw error;
  }
}
