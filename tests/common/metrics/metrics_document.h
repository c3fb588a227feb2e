// The tables of docs/metrics.md, made from those of common/metrics/names.h.
#ifndef KEEL_TESTS_COMMON_METRICS_METRICS_DOCUMENT_H_
#define KEEL_TESTS_COMMON_METRICS_METRICS_DOCUMENT_H_

#include <string>

#include "absl/status/statusor.h"

namespace keel {

// `document` with what stands between each pair of the lines
// "<!-- table NAME -->" and "<!-- end of table -->" made anew; NAME is
// coordinator, worker or evaluation. INVALID_ARGUMENT: a pair is missing.
absl::StatusOr<std::string> WithTables(const std::string& document);

}  // namespace keel

#endif  // KEEL_TESTS_COMMON_METRICS_METRICS_DOCUMENT_H_
