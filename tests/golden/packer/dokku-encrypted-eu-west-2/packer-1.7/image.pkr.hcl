# dokku: dokku, ready for git push the moment it boots

variable "provision_dir" {
  type        = string
  description = "The steps, with their settings beside them."
}

variable "packages_file" {
  type        = string
  description = "Where the list of installed packages goes."
}

# The proxy of a bake, of which nothing is written down: it comes as PKR_VAR_http_proxy and the like.
variable "http_proxy" {
  type    = string
  default = ""
}

variable "https_proxy" {
  type    = string
  default = ""
}

variable "no_proxy" {
  type    = string
  default = ""
}

build {
  sources = ["source.amazon-ebs.image"]

  # cloud-init ends with 2 for a warning it recovered from.
  provisioner "shell" {
    inline = ["timeout 30m cloud-init status --wait >/dev/null || test $? -eq 2"]
  }

  provisioner "file" {
    source      = var.provision_dir
    destination = "/tmp/bakery-provision"
  }

  provisioner "shell" {
    environment_vars = [
      "http_proxy=${var.http_proxy}",
      "https_proxy=${var.https_proxy}",
      "no_proxy=${var.no_proxy}",
    ]
    inline = [
      "kept=$(test -z \"$http_proxy$https_proxy\" || echo --preserve-env=http_proxy,https_proxy,no_proxy)",
      "sudo $kept bash /tmp/bakery-provision/run",
    ]
  }

  # /run is not part of the image.
  provisioner "shell" {
    inline = ["dpkg-query -W -f '$${Package}\t$${Version}\t$${Architecture}\t$${Installed-Size}\n' | sudo tee /run/packages.tsv >/dev/null"]
  }

  provisioner "file" {
    direction   = "download"
    source      = "/run/packages.tsv"
    destination = var.packages_file
  }

  post-processor "manifest" {
    output = var.manifest_file
  }
}
