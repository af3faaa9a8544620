# The plain way, written by hand as most people would: boot a base, install everything with apt inside, shut down.
# No verification, no health, no clean-up, no seal: what the bakery's bake is held against.

variable "base_disk" { type = string }
variable "base_sha256" { type = string }
variable "seed" { type = string }
variable "private_key" { type = string }
variable "firmware" { type = string }
variable "accelerator" { type = string }
variable "cpu" { type = string }
variable "output_dir" { type = string }
variable "packages" { type = string }

source "qemu" "plain" {
  disk_image             = true
  iso_url                = var.base_disk
  iso_checksum           = "sha256:${var.base_sha256}"
  output_directory       = var.output_dir
  vm_name                = "disk.qcow2"
  format                 = "qcow2"
  disk_size              = "40G"
  skip_compaction        = true
  accelerator            = var.accelerator
  machine_type           = "q35"
  headless               = true
  net_device             = "virtio-net"
  boot_wait              = "-1s"
  shutdown_command       = "sudo systemctl poweroff"
  ssh_username           = "debian"
  ssh_private_key_file   = var.private_key
  ssh_timeout            = "30m"
  ssh_handshake_attempts = 1000

  qemuargs = [
    ["-cpu", var.cpu],
    ["-smp", "2"],
    ["-m", "2048"],
    ["-bios", var.firmware],
    ["-drive", "file=${var.output_dir}/disk.qcow2,if=virtio,format=qcow2,cache=unsafe,discard=unmap"],
    ["-drive", "file=${var.seed},if=virtio,format=raw,readonly=on"],
  ]
}

build {
  sources = ["source.qemu.plain"]

  provisioner "shell" {
    execute_command = "sudo env DEBIAN_FRONTEND=noninteractive bash -e '{{ .Path }}'"
    inline = [
      "cloud-init status --wait >/dev/null || true",
      "apt-get update -q",
      "apt-get install -qy --no-install-recommends ${var.packages}",
      "apt-mark hold docker.io nginx",
      "printf '{\"log-opts\":{\"max-size\":\"10m\",\"max-file\":\"3\"},\"live-restore\":true}' >/etc/docker/daemon.json",
      "apt-get clean",
      "cloud-init clean --logs",
      "truncate -s 0 /etc/machine-id",
      "rm -f /etc/ssh/ssh_host_*",
      "fstrim -av",
    ]
  }
}
