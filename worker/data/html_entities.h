// Character references of HTML, decoded as Python's html module and ftfy do.
// Stateless but for a table made on first use; thread-safe.
#ifndef KEEL_WORKER_DATA_HTML_ENTITIES_H_
#define KEEL_WORKER_DATA_HTML_ENTITIES_H_

#include <functional>
#include <string>
#include <string_view>

namespace keel {

// As Python's html.unescape: also references without semicolon ("&amp b") and
// names that only begin with one ("&notit").
std::u32string UnescapeHtml(std::u32string_view text);

// As ftfy's unescape_html: only references that end in a semicolon, but also
// the upper-case forms that HTML does not know ("&EACUTE;").
std::u32string UnescapeHtmlStrictly(std::u32string_view text);

// UnescapeHtmlStrictly until nothing changes, in linear time: what a reference
// stands for may be part of another one ("&amp;amp;", "&#3&#53;;"). `repair`
// is applied to what each stands for, and adds no reference by itself.
std::u32string UnescapeHtmlFully(
    std::u32string_view text,
    const std::function<std::u32string(const std::u32string&)>& repair);

// The character that Windows-1252 has at a code of U+0080 to U+009F, where it
// has one; any other character unchanged.
char32_t FromWindows1252(char32_t c);

}  // namespace keel

#endif  // KEEL_WORKER_DATA_HTML_ENTITIES_H_
