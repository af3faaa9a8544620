variable "base_disk" {
  type        = string
  description = "The disk to begin with: an empty overlay of the base. Packer copies it."
}

variable "base_sha256" {
  type = string
}

variable "seed" {
  type        = string
  description = "NoCloud seed (ISO 9660, label CIDATA) that lets Packer in with its key."
}

variable "private_key" {
  type        = string
  description = "The key of this bake alone; the step seal takes its public half out of the image again."
}

variable "firmware" {
  type        = string
  description = "UEFI firmware (OVMF)."
}

variable "accelerator" {
  type        = string
  description = "kvm where it works, tcg otherwise."
}

variable "cpu" {
  type = string
}

variable "cpus" {
  type = string
}

variable "output_dir" {
  type = string
}

source "qemu" "image" {
  disk_image           = true
  iso_url              = var.base_disk
  iso_checksum         = "sha256:${var.base_sha256}"
  output_directory     = var.output_dir
  vm_name              = "disk.qcow2"
  format               = "qcow2"
  disk_size            = "40G"
  skip_compaction      = true
  accelerator          = var.accelerator
  machine_type         = "q35"
  headless             = true
  disable_vnc          = true
  net_device           = "virtio-net"
  boot_wait            = "-1s"
  shutdown_command     = "sudo systemctl poweroff"
  shutdown_timeout     = "10m"
  ssh_username         = "ubuntu"
  ssh_private_key_file = var.private_key
  ssh_timeout          = "30m"

  # The user network of QEMU accepts a connection before the machine listens: every such attempt counts.
  ssh_handshake_attempts = 1000

  # Naming one -netdev replaces Packer's own, which listens on every address of this machine; Packer 1.6 opens VNC
  # although it is disabled.
  # Naming one -drive replaces Packer's own, so both are here. The seed is a virtio disk because the cloud
  # kernels of the bases have no AHCI driver and would not see a CD drive on this machine type.
  qemuargs = [
    ["-cpu", var.cpu],
    ["-smp", var.cpus],
    ["-m", "2048"],
    ["-bios", var.firmware],
    ["-serial", "file:${var.output_dir}/console.log"],
    ["-vnc", "none"],
    ["-netdev", "user,id=user.0,hostfwd=tcp:127.0.0.1:{{ .SSHHostPort }}-:22"],
    ["-drive", "file=${var.output_dir}/disk.qcow2,if=virtio,format=qcow2,cache=unsafe,discard=unmap,detect-zeroes=unmap"],
    ["-drive", "file=${var.seed},if=virtio,format=raw,readonly=on"],
  ]
}
