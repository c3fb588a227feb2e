#include "coordinator/services/drift_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/status_macros.h"
#include "coordinator/services/paging.h"
#include "coordinator/store/table_names.h"

namespace keel {
namespace {

absl::StatusOr<v1::Drift> Parse(const std::string& key,
                                const std::string& value) {
  v1::Drift drift;
  if (drift.ParseFromString(value)) return drift;
  return absl::DataLossError(
      absl::StrCat("record ", key, " of table drifts is damaged"));
}

}  // namespace

absl::StatusOr<std::vector<v1::Drift>> ReadDrifts(Store& store,
                                                  const std::string& stream,
                                                  int phase) {
  KEEL_ASSIGN_OR_RETURN(
      const auto pairs,
      store.Scan(table::kDrifts, KeyPrefix(PhasePart(stream, phase))));
  std::vector<v1::Drift> drifts;
  for (const auto& [key, value] : pairs) {
    KEEL_ASSIGN_OR_RETURN(drifts.emplace_back(), Parse(key, value));
  }
  return drifts;
}

absl::Status ReadDriftPage(Store& store, const v1::ListDriftsRequest& request,
                           v1::ListDriftsResponse* response) {
  int size = 0;
  std::string after;
  KEEL_RETURN_IF_ERROR(
      ParsePage(request.page_size(), request.page_token(), &size, &after));
  const std::string prefix = KeyPrefix(request.stream());
  // A token joins the parts of a key by '\1'.
  if (!after.empty()) {
    after = prefix + absl::StrReplaceAll(after, {{"\1", "/"}});
  }
  // One more than the page holds tells whether there is a next one.
  KEEL_ASSIGN_OR_RETURN(auto pairs,
                        store.Scan(table::kDrifts, prefix, after, size + 1));
  if (static_cast<int>(pairs.size()) > size) {
    pairs.resize(size);
    response->set_next_page_token(PageToken(absl::StrReplaceAll(
        pairs.back().first.substr(prefix.size()), {{"/", "\1"}})));
  }
  for (const auto& [key, value] : pairs) {
    KEEL_ASSIGN_OR_RETURN(*response->add_drifts(), Parse(key, value));
  }
  return absl::OkStatus();
}

}  // namespace keel
