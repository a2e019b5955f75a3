import DOMPurify from "dompurify";
import { Marked } from "marked";

// an address in an answer would be fetched from elsewhere, or lead there unasked
const TAGS = "p br strong em del code pre ul ol li blockquote h1 h2 h3 h4 h5 h6 table thead tbody tr th td hr".split(
  " ",
);

const markdownToHtml = new Marked({
  async: false,
  gfm: true,
  breaks: true,
  // HTML that a model writes is something to read; parsed, it would try to run before it is thrown away
  renderer: { html: ({ text }) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;") },
});

/** Markdown of a model as HTML that is safe to show: no scripts, styles, pictures or links. */
export function safeHtml(markdown: string): string {
  const html = markdownToHtml.parse(markdown, { async: false });
  return DOMPurify.sanitize(html, { ALLOWED_TAGS: TAGS, ALLOWED_ATTR: [] });
}
