#include "tests/worker/agent/fake_coordinator.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/sha256.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "tests/testing/free_port.h"

namespace keel {
namespace {

constexpr size_t kFrameBytes = 1000;

}  // namespace

// ---- FakeSession
// -------------------------------------------------------------

bool FakeSession::ReadHello() {
  Stream* stream = nullptr;
  {
    absl::MutexLock lock(&mu_);
    stream = stream_;
  }
  return stream->Read(&hello_) && hello_.has_hello();
}

void FakeSession::Send(const v1::CoordinatorMessage& message) {
  absl::MutexLock lock(&mu_);
  if (!ended_) stream_->Write(message);
}

void FakeSession::ReadAll() {
  Stream* stream = nullptr;
  {
    absl::MutexLock lock(&mu_);
    stream = stream_;
  }
  v1::WorkerMessage message;
  while (stream->Read(&message)) {
    absl::MutexLock lock(&mu_);
    if (!message.has_heartbeat()) kinds_.push_back(message.kind_case());
    received_.push_back(message);
  }
  End();
}

void FakeSession::End() {
  absl::MutexLock lock(&mu_);
  ended_ = true;
}

v1::WorkerMessage FakeSession::Next(Kind kind) {
  absl::MutexLock lock(&mu_);
  auto found = received_.end();
  const auto ready = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    found = std::find_if(
        received_.begin(), received_.end(),
        [&](const v1::WorkerMessage& m) { return m.kind_case() == kind; });
    return found != received_.end() || ended_;
  };
  mu_.AwaitWithTimeout(absl::Condition(&ready), kPatience);
  if (found == received_.end()) return {};
  v1::WorkerMessage message = std::move(*found);
  received_.erase(found);
  return message;
}

bool FakeSession::WaitForEnd() {
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithTimeout(absl::Condition(&ended_), kPatience);
}

std::vector<FakeSession::Kind> FakeSession::kinds() const {
  absl::MutexLock lock(&mu_);
  return kinds_;
}

// ---- FakeCoordinator
// -----------------------------------------------------------

FakeCoordinator::FakeCoordinator(int port, Greeter greeter,
                                 const std::vector<std::string>& blobs)
    : greeter_(std::move(greeter)) {
  for (const std::string& bytes : blobs) AddBlob(bytes);
  const absl::Time deadline = absl::Now() + kPatience;
  while (server_ == nullptr && absl::Now() < deadline) {
    port_ = port == 0 ? testing::FreePorts() : port;
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort(address(), grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) absl::SleepFor(absl::Milliseconds(10));
  }
}

FakeCoordinator::~FakeCoordinator() {
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
}

std::string FakeCoordinator::address() const {
  return absl::StrCat("127.0.0.1:", port_);
}

void FakeCoordinator::SetGreeter(Greeter greeter) {
  absl::MutexLock lock(&mu_);
  greeter_ = std::move(greeter);
}

void FakeCoordinator::SetUploadHandler(UploadHandler handler) {
  absl::MutexLock lock(&mu_);
  upload_handler_ = std::move(handler);
}

std::string FakeCoordinator::AddBlob(const std::string& bytes) {
  AddWrongBlob(Sha256Hex(bytes), bytes);
  return Sha256Hex(bytes);
}

void FakeCoordinator::AddWrongBlob(const std::string& digest,
                                   const std::string& bytes) {
  absl::MutexLock lock(&mu_);
  blobs_[digest] = bytes;
}

void FakeCoordinator::BreakReads(
    int count, std::function<void(int64_t end)> await_arrival) {
  absl::MutexLock lock(&mu_);
  breaks_ = count;
  await_arrival_ = std::move(await_arrival);
}

std::vector<v1::ReadBlobRequest> FakeCoordinator::reads() const {
  absl::MutexLock lock(&mu_);
  return reads_;
}

std::vector<FakeCoordinator::Uploaded> FakeCoordinator::uploads() const {
  absl::MutexLock lock(&mu_);
  return uploads_;
}

std::shared_ptr<FakeSession> FakeCoordinator::NextSession() {
  absl::MutexLock lock(&mu_);
  const auto ready = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !sessions_.empty();
  };
  if (!mu_.AwaitWithTimeout(absl::Condition(&ready), kPatience)) return nullptr;
  std::shared_ptr<FakeSession> session = std::move(sessions_.front());
  sessions_.pop_front();
  return session;
}

v1::CoordinatorMessage FakeCoordinator::Message() const {
  v1::CoordinatorMessage message;
  message.set_cluster_id(cluster_id);
  return message;
}

grpc::Status FakeCoordinator::Attach(grpc::ServerContext* context,
                                     FakeSession::Stream* stream) {
  const auto session = std::make_shared<FakeSession>(stream);
  if (!session->ReadHello()) return grpc::Status::OK;
  Greeter greeter;
  {
    absl::MutexLock lock(&mu_);
    greeter = greeter_;
  }
  v1::CoordinatorMessage message = Message();
  v1::Welcome& welcome = *message.mutable_welcome();
  welcome.mutable_evict_after()->set_seconds(5);
  welcome.mutable_heartbeat_every()->set_nanos(20'000'000);
  if (greeter) {
    const grpc::Status status = greeter(session->hello(), &welcome);
    if (!status.ok()) return status;
  }
  session->Send(message);
  {
    absl::MutexLock lock(&mu_);
    sessions_.push_back(session);
  }
  session->ReadAll();
  return grpc::Status::OK;
}

grpc::Status FakeCoordinator::ReadBlob(
    grpc::ServerContext* context, const v1::ReadBlobRequest* request,
    grpc::ServerWriter<v1::ReadBlobResponse>* writer) {
  std::string bytes;
  std::function<void(int64_t end)> break_after;
  {
    absl::MutexLock lock(&mu_);
    reads_.push_back(*request);
    const auto blob = blobs_.find(request->digest());
    if (blob == blobs_.end()) {
      return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such blob");
    }
    bytes = blob->second;
    if (breaks_ > 0) {
      break_after = await_arrival_;
      --breaks_;
    }
  }
  size_t end = bytes.size();
  if (request->length() > 0) {
    end = std::min<size_t>(end, request->offset() + request->length());
  }
  for (size_t at = request->offset(); at < end; at += kFrameBytes) {
    v1::ReadBlobResponse response;
    v1::DataFrame& frame = *response.mutable_frame();
    frame.set_offset(static_cast<int64_t>(at));
    frame.set_data(bytes.substr(at, std::min(kFrameBytes, end - at)));
    frame.set_crc32(Crc32(frame.data()));
    writer->Write(response);
    if (break_after) {
      break_after(frame.offset() + static_cast<int64_t>(frame.data().size()));
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, "broken");
    }
  }
  return grpc::Status::OK;
}

grpc::Status FakeCoordinator::UploadArtifact(
    grpc::ServerContext* context,
    grpc::ServerReader<v1::UploadArtifactRequest>* reader,
    v1::UploadArtifactResponse* response) {
  Uploaded uploaded;
  v1::UploadArtifactRequest request;
  while (reader->Read(&request)) {
    if (request.has_header()) uploaded.header = request.header();
    if (request.has_file()) {
      uploaded.files.push_back(request.file());
      uploaded.bytes.emplace_back();
    }
    if (!request.has_frame()) continue;
    if (request.frame().crc32() != Crc32(request.frame().data())) {
      return grpc::Status(grpc::StatusCode::DATA_LOSS, "checksum");
    }
    uploaded.bytes.back() += request.frame().data();
  }
  absl::MutexLock lock(&mu_);
  uploads_.push_back(uploaded);
  return upload_handler_ ? upload_handler_(uploaded) : grpc::Status::OK;
}

}  // namespace keel
