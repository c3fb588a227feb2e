#include "worker/comm/catch.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

namespace keel {
namespace {

TEST(CatchTest, GivesTheCodeAndTheFirstLineOfAnException) {
  const absl::Status status =
      Catch(absl::StatusCode::kAborted, "all-reduce",
            [] { throw std::runtime_error("peer is gone\nstack"); });
  EXPECT_EQ(status, absl::AbortedError("all-reduce: peer is gone"));
}

TEST(CatchTest, LeavesOutTheStackOfALibTorchError) {
  const absl::Status status = Catch(absl::StatusCode::kInternal, "encode",
                                    [] { TORCH_CHECK(false, "bad shape"); });
  EXPECT_EQ(status, absl::InternalError("encode: bad shape"));
}

TEST(CatchTest, SaysResourceExhaustedWhenMemoryEnds) {
  const absl::Status status = Catch(absl::StatusCode::kAborted, "gather",
                                    [] { throw std::bad_alloc(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
}

TEST(CatchTest, PassesTheBodysOwnStatus) {
  const absl::Status status =
      CatchStatus(absl::StatusCode::kAborted, "form",
                  [] { return absl::UnavailableError("not yet"); });
  EXPECT_EQ(status, absl::UnavailableError("not yet"));
}

}  // namespace
}  // namespace keel
