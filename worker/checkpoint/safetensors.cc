#include "worker/checkpoint/safetensors.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/status_macros.h"
#include "worker/checkpoint/safetensors_header.h"

namespace keel {
namespace {

absl::Status In(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(path, ": ", status.message()));
}

absl::Status TooShort(const std::string& path) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": too short for a safetensors header"));
}

// The header, and in `data` where the tensors' bytes begin.
absl::StatusOr<SafetensorsHeader> ReadHeader(const std::string& path,
                                             const RandomAccessFile& file,
                                             int64_t& data) {
  if (file.size() < kSafetensorsPrefixBytes) return TooShort(path);
  KEEL_ASSIGN_OR_RETURN(const std::string prefix,
                        file.Read(0, kSafetensorsPrefixBytes));
  uint64_t length = 0;
  std::memcpy(&length, prefix.data(), sizeof(length));
  if (length > kSafetensorsMaxHeaderBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": its header claims ", length, " bytes"));
  }
  data = kSafetensorsPrefixBytes + static_cast<int64_t>(length);
  if (file.size() < data) return TooShort(path);
  KEEL_ASSIGN_OR_RETURN(
      const std::string json,
      file.Read(kSafetensorsPrefixBytes, static_cast<int64_t>(length)));
  auto header = ParseSafetensorsHeader(json, file.size() - data);
  if (!header.ok()) return In(path, header.status());
  return header;
}

absl::StatusOr<at::Tensor> ReadTensor(const RandomAccessFile& file,
                                      int64_t data, const TensorEntry& entry) {
  at::Tensor tensor = at::empty(entry.shape, entry.type);
  KEEL_ASSIGN_OR_RETURN(const std::string bytes,
                        file.Read(data + entry.begin, entry.end - entry.begin));
  if (!bytes.empty())
    std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
  return tensor;
}

SafetensorsHeader LayOut(const std::vector<NamedTensor>& tensors) {
  SafetensorsHeader header;
  int64_t end = 0;
  for (const NamedTensor& t : tensors) {
    const int64_t begin = end;
    end += static_cast<int64_t>(t.tensor.nbytes());
    header.entries.push_back(
        {t.name, t.tensor.scalar_type(), t.tensor.sizes().vec(), begin, end});
  }
  return header;
}

std::vector<NamedTensor> InFileOrder(std::vector<NamedTensor> tensors) {
  std::sort(tensors.begin(), tensors.end(),
            [](const NamedTensor& a, const NamedTensor& b) {
              return std::tuple(b.tensor.element_size(), a.name) <
                     std::tuple(a.tensor.element_size(), b.name);
            });
  return tensors;
}

absl::Status AppendTensors(const std::vector<NamedTensor>& tensors,
                           AppendableFile& file) {
  for (const NamedTensor& t : tensors) {
    const at::Tensor plain = t.tensor.detach().to(at::kCPU).contiguous();
    KEEL_RETURN_IF_ERROR(file.Append(std::string_view(
        static_cast<const char*>(plain.const_data_ptr()), plain.nbytes())));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<at::Tensor> Safetensors::Find(const std::string& name) const {
  for (const NamedTensor& t : tensors) {
    if (t.name == name) return t.tensor;
  }
  return absl::NotFoundError(absl::StrCat("no tensor \"", name, "\""));
}

absl::StatusOr<Safetensors> ReadSafetensors(const std::string& path) {
  KEEL_ASSIGN_OR_RETURN(const std::unique_ptr<RandomAccessFile> file,
                        RandomAccessFile::Open(path));
  int64_t data = 0;
  KEEL_ASSIGN_OR_RETURN(SafetensorsHeader header,
                        ReadHeader(path, *file, data));
  Safetensors result;
  result.metadata = std::move(header.metadata);
  for (const TensorEntry& entry : header.entries) {
    KEEL_ASSIGN_OR_RETURN(at::Tensor tensor, ReadTensor(*file, data, entry));
    result.tensors.push_back({entry.name, std::move(tensor)});
  }
  return result;
}

absl::Status WriteSafetensors(
    const std::string& path, const std::vector<NamedTensor>& tensors,
    const std::map<std::string, std::string>& metadata) {
  const std::vector<NamedTensor> ordered = InFileOrder(tensors);
  SafetensorsHeader header = LayOut(ordered);
  header.metadata = metadata;
  auto prefix = FormatSafetensorsHeader(header);
  if (!prefix.ok()) return In(path, prefix.status());
  const std::string temporary = path + ".tmp";
  KEEL_RETURN_IF_ERROR(RemoveFile(temporary));
  KEEL_ASSIGN_OR_RETURN(const std::unique_ptr<AppendableFile> file,
                        AppendableFile::Open(temporary));
  KEEL_RETURN_IF_ERROR(file->Append(*prefix));
  KEEL_RETURN_IF_ERROR(AppendTensors(ordered, *file));
  KEEL_RETURN_IF_ERROR(file->Sync());
  return RenameDurably(temporary, path);
}

}  // namespace keel
