// keel-metrics-document FILE: makes the tables of FILE (docs/metrics.md) anew.
#include <iostream>

#include "common/file_system.h"
#include "common/status_macros.h"
#include "tests/common/metrics/metrics_document.h"

namespace keel {
namespace {

absl::Status Update(const std::string& path) {
  KEEL_ASSIGN_OR_RETURN(const std::string document, ReadFile(path));
  KEEL_ASSIGN_OR_RETURN(const std::string updated, WithTables(document));
  return WriteFileAtomically(path, updated);
}

}  // namespace
}  // namespace keel

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: keel-metrics-document FILE\n";
    return 2;
  }
  const absl::Status status = keel::Update(argv[1]);
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
