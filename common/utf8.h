// UTF-8 text from outside: is it valid, and what of it may be passed on.
// Thread-safe.
#ifndef KEEL_COMMON_UTF8_H_
#define KEEL_COMMON_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace keel {

// Length in bytes of the valid character that `text` starts with (1 to 4);
// 0 if there is none: overlong forms, surrogates and values above U+10FFFF
// are not valid.
size_t Utf8CharacterLength(std::string_view text);

bool IsValidUtf8(std::string_view text);

// `text` with each byte that is part of no character replaced by '?', cut at
// a character's end to at most `max_bytes`.
std::string ToValidUtf8(std::string_view text,
                        size_t max_bytes = std::string_view::npos);

}  // namespace keel

#endif  // KEEL_COMMON_UTF8_H_
