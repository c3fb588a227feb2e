#include "tests/common/metrics/metrics_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/file_system.h"

namespace keel {
namespace {

using testing::HasSubstr;

std::string Empty() {
  std::string document = "Before.\n";
  for (const char* name : {"coordinator", "worker", "evaluation"}) {
    document += std::string("<!-- table ") + name +
                " -->\nstale\n<!-- end of table -->\nAfter.\n";
  }
  return document;
}

TEST(MetricsDocumentTest, HasTheTablesOfTheCode) {
  const std::string document = ReadFile("docs/metrics.md").value();
  EXPECT_EQ(WithTables(document).value(), document)
      << "build/cpu/tests/keel-metrics-document docs/metrics.md mends it";
}

TEST(MetricsDocumentTest, GivesNameKindLabelsAndMeaning) {
  const std::string document = WithTables(Empty()).value();
  EXPECT_THAT(document,
              HasSubstr("| `keel_phase_state` | gauge | stream, state "
                        "| 1 for the state of the phase that the "
                        "stream is at, else 0. |\n"));
  EXPECT_THAT(document, HasSubstr("| `keel_ingest_bytes_total` | counter | | "
                                  "Bytes of chunks received. |\n"));
  EXPECT_THAT(document, HasSubstr("| gauge | stream, probe, direction, k |"));
}

TEST(MetricsDocumentTest, LeavesTheRestAsItIs) {
  const std::string document = WithTables(Empty()).value();
  EXPECT_THAT(document, testing::StartsWith("Before.\n<!-- table coord"));
  EXPECT_THAT(document, testing::EndsWith("<!-- end of table -->\nAfter.\n"));
  EXPECT_THAT(document, testing::Not(HasSubstr("stale")));
  EXPECT_EQ(WithTables(document).value(), document);
}

TEST(MetricsDocumentTest, RefusesADocumentWithoutAPlaceForATable) {
  const auto result = WithTables("<!-- table coordinator -->\n");
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace keel
