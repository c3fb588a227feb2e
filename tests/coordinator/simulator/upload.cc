#include "tests/coordinator/simulator/upload.h"

#include <optional>
#include <utility>

#include "common/sha256.h"
#include "common/status_macros.h"

namespace keel::testing {
namespace {

constexpr double kBreak = 0.02;
constexpr double kStall = 0.03;
constexpr double kReplyLoss = 0.05;

void AddFrame(const std::string& data, size_t offset,
              std::vector<v1::UploadArtifactRequest>& messages) {
  v1::DataFrame& frame = *messages.emplace_back().mutable_frame();
  frame.set_data(data);
  frame.set_offset(static_cast<int64_t>(offset));
  frame.set_crc32(Crc32(data));
}

std::vector<v1::UploadArtifactRequest> MessagesOf(const NamedFiles& files) {
  std::vector<v1::UploadArtifactRequest> messages;
  for (const auto& [name, bytes] : files) {
    v1::CheckpointFile& file = *messages.emplace_back().mutable_file();
    file.set_name(name);
    file.set_size_bytes(static_cast<int64_t>(bytes.size()));
    file.set_digest(Sha256Hex(bytes));
    const size_t half = bytes.size() / 2;
    AddFrame(bytes.substr(0, half), 0, messages);
    AddFrame(bytes.substr(half), half, messages);
  }
  return messages;
}

}  // namespace

void Upload::Start(World& world, Options options) {
  std::make_shared<Upload>(world, std::move(options))->Wait();
}

Upload::Upload(World& world, Options options)
    : world_(world),
      options_(std::move(options)),
      life_(world.life()),
      number_(world.NextCallNumber()),
      messages_(MessagesOf(options_.files)) {}

void Upload::Wait() {
  const absl::Duration delay = world_.Mishap(kStall)
                                   ? world_.random().Milliseconds(500, 8000)
                                   : world_.random().Milliseconds(1, 15);
  world_.queue().After(delay,
                       [upload = shared_from_this()] { upload->Step(); });
}

void Upload::Step() {
  if (life_ == 0 || world_.life() != life_) {
    return Reply(absl::UnavailableError("the coordinator is away"));
  }
  const bool broken = world_.Mishap(kBreak) ||
                      (!options_.sender_lives() && world_.random().Chance(0.3));
  // Empty: the call goes on.
  std::optional<absl::Status> status;
  const bool alive = world_.Call([&](CoordinatorLife& coordinator) {
    if (broken || (checked_ && next_ == messages_.size())) {
      // A handler cannot tell a call that broke from one that was ended.
      status = checked_ ? EndOfMessages(coordinator) : absl::OkStatus();
    } else if (absl::Status taken = Process(coordinator); !taken.ok()) {
      status = std::move(taken);
    }
    if (status.has_value()) coordinator.receivers.erase(number_);
  });
  if (!alive || broken) {
    return Reply(absl::UnavailableError("the call broke"));
  }
  if (!status.has_value()) return Wait();
  Reply(world_.Mishap(kReplyLoss) ? absl::UnavailableError("no reply came")
                                  : *std::move(status));
}

absl::Status Upload::Process(CoordinatorLife& coordinator) {
  if (!checked_) {
    KEEL_RETURN_IF_ERROR(coordinator.parts->artifacts.Check(options_.header));
    coordinator.receivers[number_] = std::make_unique<FileReceiver>(
        *coordinator.cluster, FileReceiver::Sender::kWorker);
    checked_ = true;
    return absl::OkStatus();
  }
  FileReceiver& receiver = *coordinator.receivers.at(number_);
  const v1::UploadArtifactRequest& message = messages_[next_++];
  return message.has_file() ? receiver.StartFile(message.file())
                            : receiver.Take(message.frame());
}

absl::Status Upload::EndOfMessages(CoordinatorLife& coordinator) {
  KEEL_ASSIGN_OR_RETURN(auto files,
                        coordinator.receivers.at(number_)->Finish());
  return coordinator.parts->artifacts.Accept(options_.header, files);
}

void Upload::Reply(absl::Status status) {
  world_.queue().After(world_.random().Milliseconds(1, 30),
                       [upload = shared_from_this(), status] {
                         if (upload->options_.sender_lives()) {
                           upload->options_.done(status);
                         }
                       });
}

}  // namespace keel::testing
