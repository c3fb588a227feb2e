// Verbs for tests of phases on a real server.
#ifndef KEEL_TESTS_COORDINATOR_SERVICES_PHASE_FIXTURE_H_
#define KEEL_TESTS_COORDINATOR_SERVICES_PHASE_FIXTURE_H_

#include <string>

#include "common/sha256.h"
#include "gtest/gtest.h"
#include "tests/coordinator/services/coordinator_fixture.h"

namespace keel::testing {

class PhaseFixture : public CoordinatorFixture {
 protected:
  void SetUp() override { StartServer(); }

  v1::Phase Await(const std::string& stream, int number,
                  v1::Phase::State state) {
    v1::Phase phase = AwaitPhase(*stubs().phases, stream, number, state);
    EXPECT_EQ(v1::Phase::State_Name(phase.state()),
              v1::Phase::State_Name(state))
        << phase.DebugString();
    return phase;
  }
  v1::LedgerVerdict Verify(const std::string& stream, int phase) {
    grpc::ClientContext context;
    v1::VerifyLedgerRequest request;
    request.set_stream(stream);
    request.set_phase(phase);
    v1::VerifyLedgerResponse response;
    const grpc::Status status =
        stubs().phases->VerifyLedger(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.verdicts_size(), 1);
    return response.verdicts_size() == 1 ? response.verdicts(0)
                                         : v1::LedgerVerdict();
  }
  std::string Download(const std::string& stream, int phase,
                       const std::string& file, int64_t offset) {
    grpc::ClientContext context;
    v1::DownloadFileRequest request;
    request.set_stream(stream);
    request.set_phase(phase);
    request.set_file(file);
    request.set_offset(offset);
    auto reader = stubs().checkpoints->DownloadFile(&context, request);
    v1::DownloadFileResponse response;
    std::string bytes;
    while (reader->Read(&response)) {
      EXPECT_EQ(response.frame().crc32(), Crc32(response.frame().data()));
      bytes += response.frame().data();
    }
    EXPECT_TRUE(reader->Finish().ok());
    return bytes;
  }
  v1::Stream GetStream(const std::string& name) {
    grpc::ClientContext context;
    v1::GetStreamRequest request;
    request.set_name(name);
    v1::Stream stream;
    EXPECT_TRUE(stubs().streams->GetStream(&context, request, &stream).ok());
    return stream;
  }
  v1::ListRecallsResponse Recalls(const std::string& stream) {
    grpc::ClientContext context;
    v1::ListRecallsRequest request;
    request.set_stream(stream);
    v1::ListRecallsResponse page;
    EXPECT_TRUE(stubs().phases->ListRecalls(&context, request, &page).ok());
    return page;
  }
  template <typename Request, typename Method>
  grpc::Status Order(Method method, int number, v1::Phase* phase) {
    grpc::ClientContext context;
    Request request;
    request.set_stream("s");
    request.set_number(number);
    return (stubs().phases.get()->*method)(&context, request, phase);
  }
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SERVICES_PHASE_FIXTURE_H_
