// Modules of the emulated driver: loading host shared objects in place of cubins, finding kernels, launching
// them.
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "driver.h"

namespace cuda_emulator {

static std::vector<Module *> modules;

const Module *find_module(uintptr_t address) {
  for (const Module *module : modules)
    if (address >= module->base && address < module->end) return module;
  return nullptr;
}

// ---- the shared object as an ELF file -----------------------------------------------------------------
struct Elf {
  const char *image;
  const ElfW(Ehdr) & header() const { return *(const ElfW(Ehdr) *)image; }
  const ElfW(Shdr) * section(int index) const {
    return (const ElfW(Shdr) *)(image + header().e_shoff) + index;
  }
  const char *text(int string_section, size_t offset) const {
    return image + section(string_section)->sh_offset + offset;
  }
  size_t size() const { return header().e_shoff + (size_t)header().e_shnum * header().e_shentsize; }
};

// The name of a function's static variable by its symbol, as in _ZZ6kernelE4tile, or nothing where it is
// another's.
static std::string local_name(const std::string &symbol, const std::string &function) {
  std::string prefix = "_ZZ" + std::to_string(function.size()) + function + "E";
  if (symbol.compare(0, prefix.size(), prefix) != 0) return "";
  size_t digits = prefix.size(), start = digits;
  while (start < symbol.size() && isdigit(symbol[start])) start++;
  return start > digits ? symbol.substr(start, atoi(symbol.c_str() + digits)) : "";
}

// The __shared__ variables of one kernel: those declared in it, and those of device functions, which any
// kernel may call.
static std::vector<SharedVariable> shared_variables(const Module &module, const std::string &kernel) {
  std::vector<SharedVariable> found;
  for (const SharedVariable &variable : module.shared) {
    bool of_a_kernel = false;
    for (const std::string &name : module.kernels) of_a_kernel |= !local_name(variable.name, name).empty();
    std::string own = local_name(variable.name, kernel);
    if (!own.empty() || !of_a_kernel)
      found.push_back({own.empty() ? variable.name : own, variable.address, variable.size});
  }
  return found;
}

// Fills in what the module's section headers and symbols tell: its shared memory and its kernels.
static void read_symbols(Module &module) {
  Elf elf = {module.image.data()};
  const std::string kernel_prefix = "cuda_emulator_kernel_";
  int shared_section = 0;
  for (int s = 0; s < elf.header().e_shnum; s++)
    if (!strcmp(elf.text(elf.header().e_shstrndx, elf.section(s)->sh_name), "cuda_emulator_shared"))
      shared_section = s;
  module.shared_begin = (char *)module.base + elf.section(shared_section)->sh_addr;
  module.shared_end = module.shared_begin + elf.section(shared_section)->sh_size;
  for (int s = 0; s < elf.header().e_shnum; s++) {
    const ElfW(Shdr) *table = elf.section(s);
    if (table->sh_type != SHT_SYMTAB) continue;
    auto *symbols = (const ElfW(Sym) *)(elf.image + table->sh_offset);
    for (size_t i = 0; i < table->sh_size / sizeof(ElfW(Sym)); i++) {
      std::string name = elf.text(table->sh_link, symbols[i].st_name);
      if (name.compare(0, kernel_prefix.size(), kernel_prefix) == 0)
        module.kernels.push_back(name.substr(kernel_prefix.size()));
      bool is_variable =
          ELF64_ST_TYPE(symbols[i].st_info) == STT_OBJECT && symbols[i].st_shndx == shared_section;
      if (is_variable && name.find("cuda_emulator_shared_tail") == std::string::npos)
        module.shared.push_back({name, (char *)module.base + symbols[i].st_value, symbols[i].st_size});
    }
  }
}

static std::string write_temporary(const std::string &content, const char *suffix) {
  std::string path = std::string(setting("TMPDIR", "/tmp")) + "/cuda_emulator_XXXXXX" + suffix;
  int file = mkstemps(path.data(), strlen(suffix));
  if (file < 0) return "";
  bool complete = write(file, content.data(), content.size()) == (ssize_t)content.size();
  close(file);
  return complete ? path : "";
}

// Asks addr2line. Code that device.h put into the kernel is passed over in favour of the kernel's own line.
std::string source_line(uintptr_t code_address) {
  const Module *module = find_module(code_address);
  if (!module) return "";
  std::string path = write_temporary(module->image, ".so");
  if (path.empty()) return "";
  char command[400], line[400];
  snprintf(command, sizeof command, "addr2line -i -e %s 0x%zx 2>/dev/null", path.c_str(),
           (size_t)(code_address - module->base));
  std::string found;
  if (FILE *pipe = popen(command, "r")) {
    while (fgets(line, sizeof line, pipe)) {
      std::string place(line, strcspn(line, " \n"));
      size_t slash = place.rfind('/'), question = place.find('?');
      std::string name = slash == std::string::npos ? place : place.substr(slash + 1);
      if (found.empty() && question == std::string::npos && name.compare(0, 8, "device.h"))
        found = " (" + name + ")";
    }
    pclose(pipe);
  }
  unlink(path.c_str());
  return found;
}

// ---- loading ------------------------------------------------------------------------------------------
API cuModuleLoadDataEx(CUmodule *result, const void *image, unsigned count, CUjit_option *options,
                       void **values) {
  Lock lock;
  for (unsigned i = 0; i < count; i++)  // the JIT compiler's logs are empty
    if (options[i] == CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES || options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
      values[i] = nullptr;
  if (CUresult error = usable()) return error;
  Elf elf = {(const char *)image};
  if (memcmp(image, ELFMAG, SELFMAG))
    return fail(CUDA_ERROR_INVALID_PTX,
                "the image is no host shared object (the emulator cannot run PTX): compile it with "
                "the emulator's nvcc");
  if (elf.header().e_machine != EM_X86_64 && elf.header().e_machine != EM_AARCH64)
    return fail(CUDA_ERROR_NO_BINARY_FOR_GPU,
                "the image is a real cubin: compile it with the emulator's nvcc");
  // A name of its own for each module, as dlopen would answer a known name with what it has loaded.
  std::string content((const char *)image, elf.size()), path = write_temporary(content, ".so");
  if (path.empty())
    return fail(CUDA_ERROR_OPERATING_SYSTEM, "cannot write a module to %s", setting("TMPDIR", "/tmp"));
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  std::string problem = handle ? "" : dlerror();
  unlink(path.c_str());
  if (!handle) return fail(CUDA_ERROR_INVALID_IMAGE, "%s", problem.c_str());

  Module *module = new Module();
  module->handle = handle;
  module->image = std::move(content);
  struct link_map *map;
  dlinfo(handle, RTLD_DI_LINKMAP, &map);
  module->base = map->l_addr;
  auto *segments = (const ElfW(Phdr) *)(module->image.data() + elf.header().e_phoff);
  for (int i = 0; i < elf.header().e_phnum; i++)
    if (segments[i].p_type == PT_LOAD)
      module->end = std::max(module->end, module->base + segments[i].p_vaddr + segments[i].p_memsz);
  read_symbols(*module);
  memset(module->shared_begin, 0xff, module->shared_end - module->shared_begin);
  modules.push_back(module);
  *result = (CUmodule)module;
  return CUDA_SUCCESS;
}
API cuModuleLoadData(CUmodule *module, const void *image) {
  return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}
API cuModuleLoad(CUmodule *module, const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return fail(CUDA_ERROR_FILE_NOT_FOUND, "cannot read %s", path);
  std::string image;
  char buffer[1 << 16];
  while (size_t count = fread(buffer, 1, sizeof buffer, file)) image.append(buffer, count);
  fclose(file);
  return cuModuleLoadData(module, image.data());
}
API cuModuleUnload(CUmodule handle) {
  Lock lock;
  Module *module = (Module *)handle;
  for (auto &[name, function] : module->functions) delete function;
  dlclose(module->handle);
  modules.erase(std::remove(modules.begin(), modules.end(), module), modules.end());
  delete module;
  return CUDA_SUCCESS;
}
API cuModuleGetFunction(CUfunction *result, CUmodule handle, const char *name) {
  Lock lock;
  Module *module = (Module *)handle;
  Function *&function = module->functions[name];
  if (!function) {
    auto *kernel =
        (const Kernel *)dlsym(module->handle, (std::string("cuda_emulator_kernel_") + name).c_str());
    if (!kernel || !dlsym(module->handle, name)) {
      module->functions.erase(name);
      return fail(CUDA_ERROR_NOT_FOUND, "the module has no kernel %s%s", name,
                  kernel ? ": it is not extern \"C\", so a real cubin holds it under a mangled name" : "");
    }
    function = new Function{module, kernel, name, shared_variables(*module, name), 0, 0};
    for (const SharedVariable &variable : function->shared) function->static_shared += variable.size;
    function->dynamic_shared_limit = shared_memory_limit - (int)function->static_shared;
  }
  *result = (CUfunction)function;
  return CUDA_SUCCESS;
}
API cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *size, CUmodule handle, const char *name) {
  Lock lock;
  void *variable = dlsym(((Module *)handle)->handle, name);
  if (!variable) return fail(CUDA_ERROR_NOT_FOUND, "the module has no variable %s", name);
  Dl_info information;
  ElfW(Sym) *symbol = nullptr;
  dladdr1(variable, &information, (void **)&symbol, RTLD_DL_SYMENT);
  if (address) *address = (CUdeviceptr)variable;
  if (size) *size = symbol ? symbol->st_size : 0;
  return CUDA_SUCCESS;
}

// ---- function attributes ------------------------------------------------------------------------------
API cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction handle) {
  Function *function = (Function *)handle;
  const std::map<int, int> attributes = {
      {CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function->kernel->max_threads},
      {CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, (int)function->static_shared},
      {CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, function->dynamic_shared_limit},
      {CU_FUNC_ATTRIBUTE_NUM_REGS, 32},  // unknown here: a plausible number
      {CU_FUNC_ATTRIBUTE_BINARY_VERSION, 80},
      {CU_FUNC_ATTRIBUTE_PTX_VERSION, 80},
  };
  auto entry = attributes.find(attribute);
  *value = entry == attributes.end() ? 0 : entry->second;
  return CUDA_SUCCESS;
}
API cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value) {
  Function *function = (Function *)handle;
  if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) return CUDA_SUCCESS;
  int limit = shared_memory_opt_in - (int)function->static_shared;
  if (value < 0 || value > limit)
    return fail(CUDA_ERROR_INVALID_VALUE, "kernel %s: %d bytes of dynamic shared memory, the limit is %d",
                function->name.c_str(), value, limit);
  function->dynamic_shared_limit = value;
  return CUDA_SUCCESS;
}
API cuFuncSetCacheConfig(CUfunction, CUfunc_cache) { return CUDA_SUCCESS; }
// PyCUDA 2026.1 calls these two, of before CUDA 4, on every launch; cuLaunchKernel overrides them.
API cuFuncSetBlockShape(CUfunction, int, int, int) { return CUDA_SUCCESS; }
API cuFuncSetSharedSize(CUfunction, unsigned) { return CUDA_SUCCESS; }

// ---- launching ----------------------------------------------------------------------------------------
static CUresult check_configuration(const Launch &launch) {
  const Function &function = *launch.function;
  const char *name = function.name.c_str();
  const auto [gx, gy, gz] = launch.grid;
  const auto [bx, by, bz] = launch.block;
  const size_t threads = (size_t)bx * by * bz;
  if (!gx || !gy || !gz || gx > maximum_grid_x || gy > maximum_grid_yz || gz > maximum_grid_yz)
    return fail(CUDA_ERROR_INVALID_VALUE,
                "kernel %s: a grid of (%u,%u,%u) blocks; each must be at least 1, at most (%d,%d,%d)", name,
                gx, gy, gz, maximum_grid_x, maximum_grid_yz, maximum_grid_yz);
  if (!threads || threads > maximum_threads || bz > maximum_block_z)
    return fail(CUDA_ERROR_INVALID_VALUE,
                "kernel %s: a block of (%u,%u,%u) threads; there must be 1 to %d, z at most %d", name, bx, by,
                bz, maximum_threads, maximum_block_z);
  if (threads > (size_t)function.kernel->max_threads)
    return fail(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
                "kernel %s: a block of %zu threads, its __launch_bounds__ allow %d", name, threads,
                function.kernel->max_threads);
  if ((int)launch.dynamic_shared > function.dynamic_shared_limit ||
      (int)function.static_shared > shared_memory_limit)
    return fail(CUDA_ERROR_INVALID_VALUE,
                "kernel %s: %u bytes of dynamic shared memory, the limit is %d beside its %u static bytes "
                "(cuFuncSetAttribute raises it)",
                name, launch.dynamic_shared, function.dynamic_shared_limit, function.static_shared);
  return CUDA_SUCCESS;
}

// Finds each argument's place in the kernel's parameter space, by its size and alignment.
static void lay_out(Launch &launch) {
  const Kernel &kernel = *launch.function->kernel;
  size_t end = 0;
  for (int i = 0; i < kernel.parameter_count; i++) {
    const Parameter &parameter = kernel.parameters[i];
    end = (end + parameter.alignment - 1) / parameter.alignment * parameter.alignment;
    launch.offsets.push_back(end);
    end += parameter.size;
  }
  launch.arguments.resize(end);
}

// Copies the arguments from one buffer, as PyCUDA packs them. Bytes between two parameters must be zero: they
// hold the rest of an argument that is wider than its parameter.
static CUresult take_buffer(Launch &launch, void **extra) {
  const char *buffer = nullptr, *name = launch.function->name.c_str();
  size_t size = 0, expected = launch.arguments.size();
  for (; extra && *extra != CU_LAUNCH_PARAM_END; extra += 2) {
    if (extra[0] == CU_LAUNCH_PARAM_BUFFER_POINTER) buffer = (const char *)extra[1];
    if (extra[0] == CU_LAUNCH_PARAM_BUFFER_SIZE) size = *(size_t *)extra[1];
  }
  if (size != expected)
    return fail(CUDA_ERROR_INVALID_VALUE,
                "kernel %s: the arguments take %zu bytes, the kernel's %d parameters %zu", name, size,
                launch.function->kernel->parameter_count, expected);
  for (size_t i = 1; i < launch.offsets.size(); i++)
    for (size_t byte = launch.offsets[i - 1] + launch.function->kernel->parameters[i - 1].size;
         byte < launch.offsets[i]; byte++)
      if (buffer[byte])
        return fail(CUDA_ERROR_INVALID_VALUE,
                    "kernel %s: argument %zu is wider than the kernel's parameter of %d bytes", name, i - 1,
                    launch.function->kernel->parameters[i - 1].size);
  if (size) memcpy(launch.arguments.data(), buffer, size);
  return CUDA_SUCCESS;
}

static CUresult check_pointers(const Launch &launch) {
  const Kernel &kernel = *launch.function->kernel;
  for (int i = 0; i < kernel.parameter_count; i++) {
    if (!kernel.parameters[i].is_pointer) continue;
    uintptr_t address = *(uintptr_t *)&launch.arguments[launch.offsets[i]];
    if (address && !find_allocation(address) && !find_module(address))
      return fail(CUDA_ERROR_ILLEGAL_ADDRESS, "kernel %s: argument %d points to %s",
                  launch.function->name.c_str(), i, describe_address(address).c_str());
  }
  return CUDA_SUCCESS;
}

static CUresult check_slack(const Launch &launch) {
  const Kernel &kernel = *launch.function->kernel;
  for (int i = 0; i < kernel.parameter_count; i++) {
    if (!kernel.parameters[i].is_pointer) continue;
    Allocation *allocation = find_allocation(*(uintptr_t *)&launch.arguments[launch.offsets[i]]);
    if (allocation && !slack_intact(*allocation))
      return fail(CUDA_ERROR_ILLEGAL_ADDRESS,
                  "kernel %s: a thread wrote just outside argument %d, allocation #%u of %zu bytes; "
                  "the checked mode says which thread",
                  launch.function->name.c_str(), i, allocation->number, allocation->size);
  }
  return CUDA_SUCCESS;
}

static CUresult run(const Launch &launch) {
  Context *context = current_context();
  CUresult error = check_pointers(launch);
  if (!error) error = execute(launch);
  if (!error) error = check_slack(launch);
  statistics.kernels++;
  if (!error) return CUDA_SUCCESS;
  const char *text;
  cuGetErrorString(error, &text);
  report("error %d, %s", error, text);  // a caller by ctypes sees no more than the code
  return context->broken = error;
}

API cuLaunchKernel(CUfunction handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                   unsigned bz, unsigned dynamic_shared, CUstream stream, void **parameters, void **extra) {
  Lock lock;
  if (CUresult error = usable()) return error;
  Launch launch = {(Function *)handle, {gx, gy, gz}, {bx, by, bz}, dynamic_shared, {}, {}};
  if (CUresult error = check_configuration(launch)) return error;
  lay_out(launch);
  if (!parameters) {
    if (CUresult error = take_buffer(launch, extra)) return error;
  } else {
    for (size_t i = 0; i < launch.offsets.size(); i++)
      memcpy(&launch.arguments[launch.offsets[i]], parameters[i],
             launch.function->kernel->parameters[i].size);
  }
  statistics.launches++;
  return submit(stream, [launch = std::move(launch)] { return run(launch); });
}

}  // namespace cuda_emulator
