#include "tests/testing/memory_file_system.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/plan/mix.h"
#include "common/status_macros.h"

namespace keel::testing {
namespace {

std::string NameOf(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

absl::Status Missing(const std::string& path) {
  return absl::NotFoundError(absl::StrCat("no file ", path));
}

}  // namespace

// A file or a folder.
struct MemoryFileSystem::Node {
  // A name that was set (to `node`) or, without one, taken away.
  struct Change {
    std::string name;
    NodePtr node;
  };
  using Names = std::map<std::string, NodePtr>;

  static void Apply(const Change& change, Names& names) {
    if (change.node == nullptr) {
      names.erase(change.name);
    } else {
      names[change.name] = change.node;
    }
  }
  void Set(const std::string& name, NodePtr node) {
    unsynced.push_back({name, std::move(node)});
    Apply(unsynced.back(), names);
  }
  void SyncNames() {
    durable_names = names;
    unsynced.clear();
  }

  int64_t number = 0;
  bool directory = false;
  // Of a file.
  std::string data;
  size_t durable_size = 0;
  bool sync_failed = false;
  // Of a folder: now, when it was last synced, and what changed since.
  Names names;
  Names durable_names;
  std::vector<Change> unsynced;
};

class MemoryFileSystem::Appendable : public AppendableFile {
 public:
  Appendable(MemoryFileSystem& disk, std::string path, NodePtr node)
      : disk_(disk), path_(std::move(path)), node_(std::move(node)) {}

  absl::Status Append(std::string_view data) override {
    KEEL_RETURN_IF_ERROR(disk_.Announce("append", path_));
    absl::MutexLock lock(&disk_.mutex_);
    node_->data.append(data);
    return absl::OkStatus();
  }
  absl::Status Sync() override {
    const absl::Status status = disk_.Announce("sync", path_);
    absl::MutexLock lock(&disk_.mutex_);
    if (!status.ok()) node_->sync_failed = true;
    if (!node_->sync_failed) node_->durable_size = node_->data.size();
    return status;
  }
  int64_t size() const override {
    absl::MutexLock lock(&disk_.mutex_);
    return static_cast<int64_t>(node_->data.size());
  }

 private:
  MemoryFileSystem& disk_;
  const std::string path_;
  const NodePtr node_;
};

class MemoryFileSystem::RandomAccess : public RandomAccessFile {
 public:
  RandomAccess(MemoryFileSystem& disk, std::string path, NodePtr node,
               int64_t size)
      : disk_(disk),
        path_(std::move(path)),
        node_(std::move(node)),
        size_(size) {}

  absl::StatusOr<std::string> Read(int64_t offset,
                                   int64_t length) const override {
    absl::MutexLock lock(&disk_.mutex_);
    if (offset < 0 || length < 0 || offset > size_ || length > size_ - offset) {
      return absl::OutOfRangeError(absl::StrCat("past the end of ", path_));
    }
    return node_->data.substr(offset, length);
  }
  int64_t size() const override { return size_; }

 private:
  MemoryFileSystem& disk_;
  const std::string path_;
  const NodePtr node_;
  const int64_t size_;
};

MemoryFileSystem::MemoryFileSystem() {
  absl::MutexLock lock(&mutex_);
  root_ = NewNode(/*directory=*/true);
}

absl::Status MemoryFileSystem::Announce(std::string_view operation,
                                        const std::string& path) {
  Hook hook;
  {
    absl::MutexLock lock(&mutex_);
    hook = hook_;
  }
  return hook ? hook(operation, path) : absl::OkStatus();
}

MemoryFileSystem::NodePtr MemoryFileSystem::NewNode(bool directory) {
  auto node = std::make_shared<Node>();
  node->number = ++last_number_;
  node->directory = directory;
  return node;
}

MemoryFileSystem::NodePtr MemoryFileSystem::Find(std::string_view path) const {
  NodePtr node = root_;
  while (node != nullptr && !path.empty()) {
    const std::string_view name = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), name.size() + 1));
    if (name.empty()) continue;
    const auto found = node->names.find(std::string(name));
    node = found == node->names.end() ? nullptr : found->second;
  }
  return node;
}

MemoryFileSystem::NodePtr MemoryFileSystem::FindParent(
    const std::string& path) const {
  NodePtr parent = Find(ParentFolder(path));
  return parent != nullptr && parent->directory ? parent : nullptr;
}

absl::StatusOr<std::unique_ptr<AppendableFile>>
MemoryFileSystem::OpenAppendable(const std::string& path) {
  const bool exists = FileExists(path);
  if (!exists) KEEL_RETURN_IF_ERROR(Announce("create", path));
  absl::MutexLock lock(&mutex_);
  NodePtr node = Find(path);
  if (node == nullptr) {
    const NodePtr parent = FindParent(path);
    if (parent == nullptr) return Missing(path);
    node = NewNode(/*directory=*/false);
    parent->Set(NameOf(path), node);
  }
  if (node->directory) return absl::FailedPreconditionError("it is a folder");
  return std::make_unique<Appendable>(*this, path, std::move(node));
}

absl::StatusOr<std::unique_ptr<RandomAccessFile>>
MemoryFileSystem::OpenRandomAccess(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  NodePtr node = Find(path);
  if (node == nullptr) return Missing(path);
  const auto size = static_cast<int64_t>(node->data.size());
  return std::make_unique<RandomAccess>(*this, path, std::move(node), size);
}

absl::Status MemoryFileSystem::RenameDurably(const std::string& from,
                                             const std::string& to) {
  KEEL_RETURN_IF_ERROR(Rename(from, to));
  KEEL_RETURN_IF_ERROR(SyncDirectory(ParentFolder(to)));
  if (ParentFolder(from) == ParentFolder(to)) return absl::OkStatus();
  return SyncDirectory(ParentFolder(from));
}

absl::Status MemoryFileSystem::Rename(const std::string& from,
                                      const std::string& to) {
  KEEL_RETURN_IF_ERROR(Announce("rename", to));
  absl::MutexLock lock(&mutex_);
  NodePtr node = Find(from);
  const NodePtr target = FindParent(to);
  if (node == nullptr || target == nullptr) return Missing(from);
  target->Set(NameOf(to), std::move(node));
  FindParent(from)->Set(NameOf(from), nullptr);
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::SyncDirectory(const std::string& path) {
  KEEL_RETURN_IF_ERROR(Announce("sync directory", path));
  absl::MutexLock lock(&mutex_);
  const NodePtr node = Find(path);
  if (node == nullptr) return Missing(path);
  node->SyncNames();
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::CreateDirectories(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string folder = path.substr(0, end);
    if (!FileExists(folder)) {
      KEEL_RETURN_IF_ERROR(MakeDirectory(folder));
      KEEL_RETURN_IF_ERROR(SyncDirectory(ParentFolder(folder)));
    }
    if (end == std::string::npos) return absl::OkStatus();
  }
}

absl::Status MemoryFileSystem::MakeDirectory(const std::string& path) {
  KEEL_RETURN_IF_ERROR(Announce("make directory", path));
  absl::MutexLock lock(&mutex_);
  const NodePtr parent = FindParent(path);
  if (parent == nullptr) return Missing(path);
  parent->Set(NameOf(path), NewNode(/*directory=*/true));
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::RemoveFile(const std::string& path) {
  if (!FileExists(path)) return absl::OkStatus();
  KEEL_RETURN_IF_ERROR(Announce("remove", path));
  absl::MutexLock lock(&mutex_);
  FindParent(path)->Set(NameOf(path), nullptr);
  return absl::OkStatus();
}

bool MemoryFileSystem::FileExists(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  return Find(path) != nullptr;
}

absl::StatusOr<int64_t> MemoryFileSystem::FileSize(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  const NodePtr node = Find(path);
  if (node == nullptr) return Missing(path);
  return static_cast<int64_t>(node->data.size());
}

absl::StatusOr<std::vector<std::string>> MemoryFileSystem::ListDirectory(
    const std::string& path) {
  absl::MutexLock lock(&mutex_);
  const NodePtr node = Find(path);
  if (node == nullptr) return Missing(path);
  std::vector<std::string> names;
  for (const auto& [name, entry] : node->names) names.push_back(name);
  return names;
}

absl::StatusOr<int64_t> MemoryFileSystem::FreeDiskBytes(const std::string&) {
  absl::MutexLock lock(&mutex_);
  return free_bytes_;
}

void MemoryFileSystem::Crash() { CrashKeeping(std::nullopt); }

void MemoryFileSystem::Crash(uint64_t seed) { CrashKeeping(seed); }

void MemoryFileSystem::CrashKeeping(std::optional<uint64_t> seed) {
  absl::MutexLock lock(&mutex_);
  root_ = Survivor(*root_, seed);
}

MemoryFileSystem::NodePtr MemoryFileSystem::Survivor(
    const Node& node, std::optional<uint64_t> seed) {
  // By the node's number: names may be random, and give no order.
  const auto draw = [&](uint64_t what, size_t most) -> size_t {
    if (!seed.has_value()) return 0;
    return MixKey({*seed, static_cast<uint64_t>(node.number), what}) %
           (most + 1);
  };
  NodePtr survivor = NewNode(node.directory);
  survivor->number = node.number;
  if (!node.directory) {
    const size_t kept = draw(0, node.data.size() - node.durable_size);
    survivor->data = node.data.substr(0, node.durable_size + kept);
    const size_t zeros = draw(1, 3) == 0 ? draw(2, kept) : 0;
    std::fill_n(survivor->data.rbegin(), zeros, '\0');
    survivor->durable_size = survivor->data.size();
    return survivor;
  }
  Node::Names names = node.durable_names;
  const size_t kept = draw(0, node.unsynced.size());
  for (size_t i = 0; i < kept; ++i) Node::Apply(node.unsynced[i], names);
  for (const auto& [name, entry] : names) {
    survivor->names[name] = Survivor(*entry, seed);
  }
  survivor->SyncNames();
  return survivor;
}

void MemoryFileSystem::SetHook(Hook hook) {
  absl::MutexLock lock(&mutex_);
  hook_ = std::move(hook);
}

void MemoryFileSystem::SetFreeBytes(int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  free_bytes_ = bytes;
}

}  // namespace keel::testing
