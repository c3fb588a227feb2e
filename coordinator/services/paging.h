// Pages of a list, and the opaque tokens between them. Pure.
#ifndef KEEL_COORDINATOR_SERVICES_PAGING_H_
#define KEEL_COORDINATOR_SERVICES_PAGING_H_

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/status_macros.h"
#include "google/protobuf/repeated_ptr_field.h"

namespace keel {

inline constexpr int kDefaultPageSize = 100;
inline constexpr int kMaxPageSize = 1000;
// A page ends early before its items exceed this; a single one may.
inline constexpr size_t kMaxPageBytes = 4 << 20;

// The sizes and places that a request asks for. INVALID_ARGUMENT: a negative
// size, or a token that no page gave.
absl::Status ParsePage(int page_size, const std::string& page_token, int* size,
                       std::string* after);
std::string PageToken(const std::string& last_key);
// INVALID_ARGUMENT: the token is one that no page gave.
absl::Status BadPageToken();

// Moves one page of `items`, which are in growing order of `key_of(item)`, to
// `page`, and sets the token of the next one (empty: none).
template <typename Item, typename KeyOf>
absl::Status FillPage(std::vector<Item> items, KeyOf key_of, int page_size,
                      const std::string& page_token,
                      google::protobuf::RepeatedPtrField<Item>* page,
                      std::string* next_page_token) {
  int size = 0;
  std::string after;
  KEEL_RETURN_IF_ERROR(ParsePage(page_size, page_token, &size, &after));
  auto it = page_token.empty()
                ? items.begin()
                : std::find_if(items.begin(), items.end(), [&](const Item& i) {
                    return key_of(i) > after;
                  });
  size_t bytes = 0;
  for (; it != items.end() && page->size() < size; ++it) {
    bytes += it->ByteSizeLong();
    if (page->size() > 0 && bytes > kMaxPageBytes) break;
    *page->Add() = std::move(*it);
  }
  if (it != items.end()) {
    *next_page_token = PageToken(key_of(page->Get(page->size() - 1)));
  }
  return absl::OkStatus();
}

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_PAGING_H_
