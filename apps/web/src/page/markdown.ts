import DOMPurify from "dompurify";
import { marked } from "marked";

// an address in an answer would be fetched from elsewhere, or lead there unasked
const TAGS = "p br strong em del code pre ul ol li blockquote h1 h2 h3 h4 h5 h6 table thead tbody tr th td hr".split(
  " ",
);

/** Markdown of a model as HTML that is safe to show: no scripts, styles, pictures or links. */
export function safeHtml(markdown: string): string {
  const html = marked.parse(markdown, { async: false, gfm: true, breaks: true });
  return DOMPurify.sanitize(html, { ALLOWED_TAGS: TAGS, ALLOWED_ATTR: [] });
}
