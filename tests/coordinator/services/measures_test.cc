// Recall and drift: what lists show of them, and when they are forgotten.
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "coordinator/services/paging.h"
#include "coordinator/services/phase_service.h"
#include "coordinator/store/table_names.h"
#include "gmock/gmock.h"
#include "tests/coordinator/services/parts_fixture.h"

namespace keel::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class MeasuresTest : public PartsFixture {
 protected:
  MeasuresTest() { MakePhase(); }

  void AddRecall(int phase, const std::string& probe) {
    v1::Recall recall;
    recall.set_phase(phase);
    recall.set_probe(probe);
    Commit([&](Edit& edit) { edit.PutRecall("s", recall); });
  }
  void AddDrift(int phase, const std::string& probe,
                const std::string& reference) {
    v1::Drift drift;
    drift.set_phase(phase);
    drift.set_probe(probe);
    drift.set_reference(reference);
    Commit([&](Edit& edit) { edit.PutDrift("s", drift); });
  }
  void Commit(const std::function<void(Edit&)>& change) {
    auto state = cluster_->Lock();
    Edit edit = cluster_->NewEdit(durable::kEndTask);
    change(edit);
    ASSERT_TRUE(cluster_->Commit(*state, edit).ok());
  }
  // As "PHASE PROBE", in pages of `page_size`.
  std::vector<std::string> Recalls(int page_size) {
    std::vector<std::string> shown;
    v1::ListRecallsRequest request;
    request.set_stream("s");
    request.set_page_size(page_size);
    do {
      v1::ListRecallsResponse page;
      EXPECT_TRUE(service_.ListRecalls(nullptr, &request, &page).ok());
      EXPECT_LE(page.recalls_size(), page_size);
      for (const v1::Recall& recall : page.recalls()) {
        shown.push_back(absl::StrCat(recall.phase(), " ", recall.probe()));
      }
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return shown;
  }
  v1::ListDriftsResponse DriftPage(const v1::ListDriftsRequest& request) {
    v1::ListDriftsResponse page;
    EXPECT_TRUE(service_.ListDrifts(nullptr, &request, &page).ok());
    return page;
  }
  // As "PHASE PROBE REFERENCE", in pages of `page_size`.
  std::vector<std::string> Drifts(int page_size) {
    std::vector<std::string> shown;
    v1::ListDriftsRequest request;
    request.set_stream("s");
    request.set_page_size(page_size);
    do {
      const v1::ListDriftsResponse page = DriftPage(request);
      EXPECT_LE(page.drifts_size(), page_size);
      for (const v1::Drift& drift : page.drifts()) {
        shown.push_back(absl::StrCat(drift.phase(), " ", drift.probe(), " ",
                                     drift.reference()));
      }
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return shown;
  }

  PhaseServiceImpl service_{*cluster_, parts_->requests};
};

TEST_F(MeasuresTest, ListsAllInPagesOfAnySize) {
  for (const int phase : {10, 9}) {
    for (const char* probe : {"b", "a-2", "a"}) {
      AddRecall(phase, probe);
      AddDrift(phase, probe, "parent");
    }
  }
  AddDrift(9, "a", "origin");
  for (int size = 1; size <= 8; ++size) {
    EXPECT_THAT(Recalls(size),
                ElementsAre("9 a", "9 a-2", "9 b", "10 a", "10 a-2", "10 b"));
    EXPECT_THAT(
        Drifts(size),
        ElementsAre("9 a-2 parent", "9 a origin", "9 a parent", "9 b parent",
                    "10 a-2 parent", "10 a parent", "10 b parent"));
  }
}

TEST_F(MeasuresTest, APageTokenHoldsWhileMeasuresComeAndGo) {
  AddDrift(1, "a", "origin");
  AddDrift(2, "a", "parent");
  v1::ListDriftsRequest request;
  request.set_stream("s");
  request.set_page_size(1);
  request.set_page_token(DriftPage(request).next_page_token());
  std::string token;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(request.page_token(), &token));
  EXPECT_EQ(token, "1:0000000000000000001\1a\1origin");
  AddDrift(1, "0", "parent");
  AddDrift(1, "b", "parent");
  const v1::ListDriftsResponse page = DriftPage(request);
  ASSERT_EQ(page.drifts_size(), 1);
  EXPECT_EQ(page.drifts(0).probe(), "b");
}

TEST_F(MeasuresTest, RefusesWhatNoPageGave) {
  v1::ListRecallsRequest recalls;
  v1::ListRecallsResponse page;
  recalls.set_stream("s");
  recalls.set_page_token(PageToken("no number/a"));
  EXPECT_EQ(service_.ListRecalls(nullptr, &recalls, &page).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  recalls.set_stream("unknown");
  recalls.clear_page_token();
  EXPECT_EQ(service_.ListRecalls(nullptr, &recalls, &page).error_code(),
            grpc::StatusCode::NOT_FOUND);
  v1::ListDriftsRequest drifts;
  v1::ListDriftsResponse drift_page;
  drifts.set_stream("unknown");
  EXPECT_EQ(service_.ListDrifts(nullptr, &drifts, &drift_page).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(MeasuresTest, APhaseThatEndsUnpublishedKeepsNone) {
  AddRecall(0, "a");
  AddDrift(0, "a", "parent");
  AddRecall(1, "a");
  AddDrift(1, "a", "parent");
  ASSERT_TRUE(
      parts_->requests.Apply("s", 1, PhaseEvent::kCancelRequested).ok());
  EXPECT_THAT(Recalls(10), ElementsAre("0 a"));
  EXPECT_THAT(Drifts(10), ElementsAre("0 a parent"));
  EXPECT_THAT(store_.Scan(table::kRecalls, "s/").value(), SizeIs(1));
}

}  // namespace
}  // namespace keel::testing
