import { useEffect, useRef, useState } from "preact/hooks";
import type { PictureViews } from "../engine/protocol.ts";
import type { Place } from "./places.ts";

interface PictureViewProps {
  readonly picture: Blob;
  readonly label: string;
  /** How the model cuts it; drawn over it. */
  readonly views?: PictureViews | undefined;
  readonly place?: Place | undefined;
}

/** A picture with the views the model sees, or a place it read, drawn over it. */
export function PictureView({ picture, label, views, place }: PictureViewProps) {
  const url = useObjectUrl(picture);
  const figure = useRef<HTMLElement>(null);
  useEffect(() => {
    if (place !== undefined) figure.current?.scrollIntoView({ block: "nearest" });
  }, [place]);
  return (
    <figure class="picture" ref={figure}>
      <div class="frame">
        <img
          src={url}
          alt={label}
          onLoad={() => {
            if (place !== undefined) figure.current?.scrollIntoView({ block: "nearest" });
          }}
        />
        <svg viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
          {views === undefined ? null : <Grid columns={views.columns} rows={views.rows} />}
          {place === undefined ? null : (
            <rect class="place" x={place.x0} y={place.y0} width={place.x1 - place.x0} height={place.y1 - place.y0} />
          )}
        </svg>
      </div>
      {views === undefined ? null : <figcaption>{viewsText(views)}</figcaption>}
    </figure>
  );
}

function Grid({ columns, rows }: { readonly columns: number; readonly rows: number }) {
  const lines = [
    ...Array.from({ length: columns - 1 }, (_, i) => ({ x1: (i + 1) / columns, x2: (i + 1) / columns, y1: 0, y2: 1 })),
    ...Array.from({ length: rows - 1 }, (_, i) => ({ x1: 0, x2: 1, y1: (i + 1) / rows, y2: (i + 1) / rows })),
  ];
  return (
    <g class="views">
      {lines.map((line) => (
        <line key={`${line.x1} ${line.y1}`} {...line} />
      ))}
    </g>
  );
}

/** "7 views (overview and 2 × 3), 448 tokens". */
export function viewsText({ views, columns, rows, tokens }: PictureViews): string {
  const cut = views === 1 ? "1 view" : `${views} views (overview and ${columns} × ${rows})`;
  return `${cut}, ${tokens} tokens`;
}

function useObjectUrl(blob: Blob): string {
  const [url, setUrl] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return url;
}
